"""Which faults of a page a test has asked for."""

import pytest
from visiting import Expected, Fault

MISSED = Fault("status 404", 404, "http://127.0.0.1:50312/api/frames/503/0.jpg")
TOLD = Fault("console: Failed to load resource: the server responded with a status of 503 ()", 503, MISSED.address)


@pytest.mark.parametrize(
    ("expected", "fault", "covered"),
    [
        (Expected("503"), MISSED, False),
        (Expected("404"), MISSED, True),
        (Expected("404", "/api/frames"), MISSED, True),
        (Expected("404", "/api/photos"), MISSED, False),
        (Expected("40"), MISSED, False),
        (Expected("status 4"), MISSED, True),
        (Expected("503"), TOLD, True),
        (Expected("net::"), TOLD, False),
        (Expected("net::"), Fault("console: Failed to load resource: net::ERR_FAILED"), True),
        (Expected("503"), Fault("page: 503 is not a function"), False),
    ],
)
def test_expected_is_what_was_said_and_no_address(expected: Expected, fault: Fault, covered: bool) -> None:
    assert expected.covers(fault) is covered
