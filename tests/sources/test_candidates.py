import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from nightmare.errors import SourceError
from nightmare.shards import Location, read_blob
from nightmare.sources.candidates import Candidate, Licence, capped, store_candidates
from nightmare.tables import CANDIDATES, read_table

FROG = Candidate("icons", "a:frog", "frog", "frogs", "A", "svg", "ann frog", b"<svg/>", Licence("MIT", "u", "Ann"), "l")


@dataclass(frozen=True)
class ListSource:
    found: list[Candidate]
    name: str = "icons"
    left_out: Counter[str] = field(default_factory=Counter)

    def candidates(self) -> Iterator[Candidate]:
        yield from self.found


@dataclass(frozen=True)
class FailingSource(ListSource):
    def candidates(self) -> Iterator[Candidate]:
        yield from self.found
        raise SourceError("half way")


def test_id_is_a_hash_of_source_id_and_class() -> None:
    expected = hashlib.sha256(b"icons\x1fa:frog\x1ffrogs").hexdigest()[:16]
    assert expected == FROG.id
    assert replace(FROG, content=b"other", query="toad", grade_hint="B").id == FROG.id
    assert replace(FROG, class_hint="toads").id != FROG.id


def test_stored_bytes_come_back_by_their_row(tmp_path: Path) -> None:
    toad = replace(FROG, source_id="a:toad", grade_hint="B", content=b"<svg>toad</svg>")
    twin = replace(FROG, source_id="b:frog")
    store_candidates([ListSource([FROG, toad]), ListSource([twin])], table=tmp_path / "c.csv", raw=tmp_path / "raw")
    rows = read_table(tmp_path / "c.csv", CANDIDATES).set_index("source_id")
    for candidate in (FROG, toad, twin):
        row = rows.loc[candidate.source_id]
        content = read_blob(tmp_path / "raw", Location(row["shard"], row["offset"], row["length"]))
        assert content == candidate.content
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert (row["licence"], row["creator"], row["class_hint"]) == ("MIT", "Ann", "frogs")
    assert rows.loc["a:frog", "offset"] == rows.loc["b:frog", "offset"]  # equal bytes are stored once


def test_stored_bytes_do_not_depend_on_the_order_of_finds(tmp_path: Path) -> None:
    found = [replace(FROG, source_id=f"a:{number}", content=bytes([number])) for number in range(20)]
    for name, order in (("one", found), ("two", found[::-1])):
        store_candidates([ListSource(order)], table=tmp_path / name / "c.csv", raw=tmp_path / name / "raw")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 2
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_a_failing_source_leaves_nothing_behind_and_keeps_what_was_there(tmp_path: Path) -> None:
    store_candidates([ListSource([FROG])], table=tmp_path / "c.csv", raw=tmp_path / "raw")
    before = (tmp_path / "c.csv").read_bytes()
    with pytest.raises(SourceError, match="half way"):
        store_candidates(
            [FailingSource([replace(FROG, source_id="new")])], table=tmp_path / "c.csv", raw=tmp_path / "raw"
        )
    assert (tmp_path / "c.csv").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.csv", "raw"]


def test_no_candidates_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"found nothing.*params\.yaml"):
        store_candidates([ListSource([])], table=tmp_path / "c.csv", raw=tmp_path / "raw")
    assert list(tmp_path.iterdir()) == []


def key(item: tuple[str, str, str]) -> tuple[str, str, str]:
    return item


def test_cap_takes_best_grades_first_whatever_the_order() -> None:
    items = [("frogs", grade, f"{grade}{number}") for grade in ("C", "", "A", "B") for number in range(3)]
    kept, left_out = capped(items, 5, key=key)
    assert Counter(grade for _, grade, _ in kept) == {"A": 3, "B": 2}
    assert left_out == {"frogs": 7}
    assert capped(items[::-1], 5, key=key)[0] == kept


def test_cap_counts_each_class_for_itself_and_prefers_by_hash() -> None:
    items = [("frogs", "A", str(number)) for number in range(50)] + [("clowns", "", "only")]
    kept, left_out = capped(items, 10, key=key)
    by_hash = sorted(range(50), key=lambda number: hashlib.sha256(str(number).encode()).hexdigest())
    assert [item_id for name, _, item_id in kept if name == "frogs"] == [str(number) for number in by_hash[:10]]
    assert ("clowns", "", "only") in kept
    assert left_out == {"frogs": 40}
