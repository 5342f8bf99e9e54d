"""What the sheets of culling show: all that went, and of what stayed the images nearest to going."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nightmare.cull import review
from nightmare.cull.cull import Culled
from nightmare.cull.review import borderline, borderline_sheet, removed_sheet

EVIDENCE = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "label": ["skulls", "frogs", "frogs", "skulls"],
        "suggested": "clowns",
        "confidence": [0.9, 0.6, 0.3, 0.5],
        "self_confidence": [0.05, 0.2, 0.6, 0.4],
        "margin": [-0.85, -0.4, 0.3, -0.1],
        "wrong": [0.9, 0.6, 0.2, 0.4],
        "several": 0.0,
        "occluded": 0.0,
        "poor": 0.0,
        "doubt": [0.9, 0.6, 0.2, 0.4],
    }
)


@pytest.fixture
def culled() -> Culled:
    nothing = EVIDENCE.head(0)
    removed = EVIDENCE.head(2).assign(reason="wrong class")
    return Culled(split=nothing, removed=removed, hard=nothing, spared=nothing, unknown=[])


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    asked: dict[str, Any] = {}

    def image_sheet(rows: pd.DataFrame, *_: Any, caption: Any, title: str) -> None:
        asked.update(ids=list(rows["id"]), captions=[caption(row) for row in rows.to_dict("records")], title=title)

    monkeypatch.setattr(review, "image_sheet", image_sheet)
    return asked


def test_borderline_images_were_kept_and_the_most_probably_wrong_come_first(culled: Culled) -> None:
    assert list(borderline(culled, EVIDENCE)["id"]) == ["d", "c"]


def test_the_removed_sheet_goes_class_by_class_with_the_evidence(culled: Culled, shown: dict[str, Any]) -> None:
    removed_sheet(culled, EVIDENCE, Path())
    assert shown["ids"] == ["b", "a"]
    assert shown["captions"][1] == "skulls\nlike clowns\nwrong: 90%"
    assert shown["title"] == "removed (2)"


def test_the_most_doubtful_come_first_and_a_fault_is_called_by_its_name(culled: Culled, shown: dict[str, Any]) -> None:
    evidence = EVIDENCE.assign(several=[0, 0, 0.82, 0], doubt=[0.9, 0.6, 0.85, 0.4])
    borderline_sheet(culled, evidence, evidence, Path())
    assert shown["ids"] == ["c", "d"]
    assert shown["captions"] == ["frogs\nseveral objects\n82%", "skulls\nlike clowns\nwrong: 40%"]


def test_the_borderline_sheet_shows_the_borderline(culled: Culled, shown: dict[str, Any]) -> None:
    borderline_sheet(culled, EVIDENCE, EVIDENCE, Path())
    assert shown["ids"] == ["d", "c"]
    assert shown["title"] == "borderline, kept (2)"
