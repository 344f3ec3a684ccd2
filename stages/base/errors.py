"""Errors for the person at the keyboard: `process.run` prints them as one line."""


class ProjectError(Exception):
    """An error of one line, without a traceback: the place, the value received, the value expected and the way out."""

    exit_code = 1


class UserError(ProjectError):
    """The user's input is wrong: parameters, files or arguments."""

    exit_code = 2


class DataUnreachable(ProjectError):  # noqa: N818  (the user made no error)
    """The data is not on this machine and cannot be downloaded."""

    exit_code = 3

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}. {advice}")
        self.reason = reason


def one_line(error: object) -> str:
    """Return a message without line breaks, cut after 200 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]} ..."
