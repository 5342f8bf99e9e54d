"""The line in front of the dreamer."""

import threading

import pytest

from nightmare.studio.errors import Refusal
from nightmare.studio.line import Line, Ticket


def test_places_move_up_when_one_leaves() -> None:
    line, tickets = Line(most=8), [Ticket(seconds) for seconds in (5.0, 3.0, 2.0)]
    for ticket in tickets:
        line.enter(ticket)
    assert [line.place(ticket) for ticket in tickets] == [(0, 0), (1, 5.0), (2, 8.0)]
    assert line.wait(tickets[0], seconds=0)
    assert not line.wait(tickets[1], seconds=0)
    line.leave(tickets[1])
    assert line.place(tickets[2]) == (1, 5.0)
    tickets[0].seconds = 1.0
    assert line.place(tickets[2]) == (1, 1.0)


def test_one_that_waits_is_woken() -> None:
    line, first, second = Line(most=8), Ticket(), Ticket()
    line.enter(first)
    line.enter(second)
    threading.Timer(0.05, line.leave, [first]).start()
    assert line.wait(second, seconds=5)


def test_too_many_are_refused() -> None:
    line = Line(most=8)
    for _ in range(9):
        line.enter(Ticket())
    with pytest.raises(Refusal, match=r"Eight people are waiting\. Try again in a minute\.") as refusal:
        line.enter(Ticket())
    assert refusal.value.status == 503
