"""Which errors are told in a line, and how a process ends on them."""

from ..core._validate import BadInputError, MissingExtraError, PejaxError, UnknownNameError

USER = 2  # the request was wrong: a name, a file, a missing package
FAILED = 1  # the request was sound and the work did not succeed

_WRONG_FILE = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
_USER_ERRORS = (BadInputError, UnknownNameError, MissingExtraError, PermissionError, *_WRONG_FILE)


def exit_code(error: Exception) -> int | None:
    """The exit status for an error; None for one that deserves its traceback."""
    if isinstance(error, _USER_ERRORS):
        return USER
    if isinstance(error, PejaxError | FloatingPointError):
        return FAILED
    return None


def message_of(error: Exception) -> str:
    """An error in a line or a few: its message and the notes added on its way up."""
    notes = getattr(error, "__notes__", ())
    return " ".join([str(error), *(f"({note})" for note in notes)])
