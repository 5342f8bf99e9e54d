"""The line in which dreams wait: one runs, the others know their place and about how long it takes."""

import threading
from dataclasses import dataclass

from nightmare.studio.errors import Refusal

__all__ = ["Line", "Ticket"]


@dataclass(eq=False)
class Ticket:
    """A place in the line. `seconds` is what the dream still takes by what is known of it, 0 where nothing is."""

    seconds: float = 0.0


class Line:
    """First come, first served; at most `most` wait beside the one that runs."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._tickets: list[Ticket] = []
        self._moved = threading.Condition()

    def enter(self, ticket: Ticket) -> None:
        """Queue up. Raises `Refusal` when too many wait."""
        with self._moved:
            if len(self._tickets) > self._most:
                number = "Eight" if self._most == 8 else self._most
                raise Refusal(503, f"{number} people are waiting. Try again in a minute.", retry_after=60)
            self._tickets.append(ticket)

    def place(self, ticket: Ticket) -> tuple[int, float]:
        """How many are before it, and how many seconds they take together."""
        with self._moved:
            place = self._tickets.index(ticket)
            return place, sum(before.seconds for before in self._tickets[:place])

    def wait(self, ticket: Ticket, *, seconds: float) -> bool:
        """Wait until it is the turn of `ticket`, at most so long; whether it is."""
        with self._moved:
            return self._moved.wait_for(lambda: self._tickets[0] is ticket, timeout=seconds)

    def leave(self, ticket: Ticket) -> None:
        """Make room for the next one."""
        with self._moved:
            self._tickets.remove(ticket)
            self._moved.notify_all()
