"""Refusals that a page shows as they are: a status of HTTP, and a sentence that says what to do."""

__all__ = ["Refusal"]


class Refusal(Exception):  # noqa: N818 (a request is refused; nothing went wrong)
    """A request that is not answered: `status` is 400 or more, `sentence` is for the person at the page.

    `retry_after` in seconds where the same request may succeed later.
    """

    def __init__(self, status: int, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(status, sentence)
        self.status = status
        self.sentence = sentence
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.sentence
