"""Errors that are for the person at the keyboard: `process.run` prints them as one line."""

BACK = "to return to the committed parameters and results: make back"


class ProjectError(Exception):
    """One line: where, what was received, what is expected, what to do. Never shown with a traceback."""

    exit_code = 1


class UserError(ProjectError):
    """The user's input is wrong: parameters, files or arguments."""

    exit_code = 2


class DataUnreachable(ProjectError):  # noqa: N818  (a state of the world, not a mistake)
    """The data is neither on this machine nor to be had from the network."""

    exit_code = 3


def one_line(error: object) -> str:
    """A message without line breaks, cut where it grows beyond what anyone reads."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]} ..."
