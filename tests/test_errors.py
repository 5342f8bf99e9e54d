"""Exit codes: what a person can mend is one line, what is our fault keeps its traceback."""

import errno
import pickle

import pytest

from nightmare.errors import ImageError, InputError, exit_code


def raising(error: BaseException) -> int:
    def main() -> None:
        raise error

    return exit_code(main)


def test_success_is_zero() -> None:
    assert exit_code(lambda: None) == 0


def test_own_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(InputError("no images in x: run y")) == 1
    assert capsys.readouterr().err == "error: no images in x: run y\n"


@pytest.mark.parametrize(
    ("number", "repair"),
    [
        (errno.ENOSPC, "free some disk space"),
        (errno.EACCES, "writable"),
        (errno.EROFS, "read-only"),
        (errno.ENAMETOOLONG, "give a shorter name"),
        (errno.ELOOP, "a link leads back to itself"),
    ],
)
def test_what_the_file_system_refuses_says_what_to_do(
    number: int, repair: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(OSError(number, "the system's words", "data/images")) == 1
    message = capsys.readouterr().err
    assert "data/images" in message
    assert repair in message


def test_interruption_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(KeyboardInterrupt()) == 130
    assert "run the same command again" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("ours"), OSError(errno.EIO, "odd")])
def test_faults_of_ours_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        raising(error)


def test_refusals_survive_the_way_out_of_a_worker_process() -> None:
    refusal = pickle.loads(pickle.dumps(ImageError("damaged", "the file ends early")))  # noqa: S301 (our own bytes)
    assert (refusal.reason, refusal.detail) == ("damaged", "the file ends early")
    assert str(refusal) == "damaged: the file ends early"
