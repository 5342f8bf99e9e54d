"""The errors that a person is meant to read, and the one place that turns them into an exit code.

Each message says what was wrong and where, and ends with the repair. Anything that is not a `NightmareError`
is a fault of ours and keeps its traceback.
"""

import errno
import sys
from collections.abc import Callable

__all__ = [
    "ImageError",
    "InputError",
    "ModelError",
    "NightmareError",
    "ParameterError",
    "SourceError",
    "TableError",
    "exit_code",
]


class NightmareError(Exception):
    """Base of all errors whose message is written for the person at the keyboard."""


class ParameterError(NightmareError):
    """A parameter is unknown, of the wrong type or out of its range."""


class TableError(NightmareError):
    """A table is missing, or does not have the columns or values that its schema asks for."""


class SourceError(NightmareError):
    """A source cannot deliver: a folder without classes, a package that does not match its pin."""


class InputError(NightmareError):
    """What a stage was given cannot be worked with: no images, one class only, no canvas."""


class ModelError(NightmareError):
    """A model file or a layer name does not fit."""


class ImageError(NightmareError):
    """One image is refused. `reason` is a stable word for the rejects table, `detail` is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        # Both arguments, since an exception is pickled as its class and `args` on the way out of a worker process.
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


_REPAIRS = {
    errno.ENOSPC: "free some disk space, then run the same command again",
    errno.EDQUOT: "free some of your disk quota, then run the same command again",
    errno.EACCES: "make the path readable and writable for you, then run the same command again",
    errno.EPERM: "make the path readable and writable for you, then run the same command again",
    errno.EROFS: "the file system is read-only: work in a folder that can be written",
    errno.EFBIG: "the system limits the size of files: raise the limit with `ulimit -f`",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ELOOP: "a link leads back to itself: remove it, or give another path",
    **dict.fromkeys(
        (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY),
        "something else lies where an output belongs: move it away, then run the same command again",
    ),
}


def exit_code(main: Callable[[], None]) -> int:
    """Run `main` and return its exit code: 0, 1 for an error a person can mend, 130 when interrupted.

    Usage at the foot of a stage script: `sys.exit(exit_code(main))`.
    """
    try:
        main()
    except NightmareError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in _REPAIRS:
            raise
        # Of a rename, which has two names, the target is the one that people know.
        name = error.filename2 or error.filename
        where = f" ({name})" if name else ""
        print(f"error: {error.strerror}{where}: {_REPAIRS[error.errno]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
    return 0
