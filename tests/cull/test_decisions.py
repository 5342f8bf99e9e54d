"""Decisions: the last line wins, undo gives the image back, a bad line is named."""

from pathlib import Path

import pytest

from nightmare.cull.decisions import read_decisions
from nightmare.errors import InputError

ID, OTHER = "0123456789abcdef", "fedcba9876543210"


def test_last_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(
        f'{{"id": "{ID}", "decision": "remove", "who": "ada"}}\n\n'
        f'{{"id": "{OTHER}", "decision": "remove"}}\n'
        f'{{"id": "{ID}", "decision": "keep"}}\n'
        f'{{"id": "{OTHER}", "decision": "undo"}}\n'
    )
    assert read_decisions(path) == {ID: "keep"}


def test_no_decisions_and_lines_that_json_does_not_end(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    with pytest.raises(InputError, match="empty file"):
        read_decisions(path)
    path.write_bytes(b"")
    assert read_decisions(path) == {}
    why = "first\u2028second\x85third"
    path.write_bytes(f'{{"id": "{ID}", "decision": "keep", "why": "{why}"}}\r\n'.encode())
    assert read_decisions(path) == {ID: "keep"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "line 2"),
        (f'{{"id": "{ID}", "decision": "delete"}}', "line 2: decision"),
        ('{"id": "12", "decision": "keep"}', "line 2: id"),
    ],
)
def test_bad_line_is_named(line: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(f'{{"id": "{ID}", "decision": "keep"}}\n{line}\n')
    with pytest.raises(InputError, match=complaint):
        read_decisions(path)
