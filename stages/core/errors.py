"""Errors that are for the person at the keyboard, and the one place that prints them."""

import logging
import sys
from collections.abc import Callable


class ProjectError(Exception):
    """One line: where, what was received, what is expected, what to do. Never shown with a traceback."""

    exit_code = 1


class UserError(ProjectError):
    """The user's input is wrong: parameters, files or arguments."""

    exit_code = 2


class DataUnreachable(ProjectError):  # noqa: N818  (a state of the world, not a mistake)
    """The data is neither on this machine nor to be had from the network."""

    exit_code = 3


def run(main: Callable[[], None]) -> None:
    """Call `main` and exit with 0, or print a `ProjectError` as one line and exit with its code.

    Any other exception is a fault of ours and keeps its traceback (Python exits with 1).
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        main()
    except ProjectError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
