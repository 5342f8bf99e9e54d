"""What is reviewed in which order, and what decisions make of the classes."""

import pandas as pd
import pytest
from made_project import COUNT, REMOVED, SEVERAL, WRONG, identity, label, make_project, side

from nightmare.studio.manifest import Manifest, Tables
from nightmare.studio.reviews import ALONE, NEARLY, SECOND_LOOK, balance, item, left_out, place_of, queues

POOL = [number for number in range(COUNT) if side(number) != "test"]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    manifest = Tables(folder).manifest()
    assert manifest is not None
    return manifest


def test_each_reason_has_its_queue_nearest_the_threshold_first(manifest: Manifest) -> None:
    found = {queue.reason: queue for queue in queues(manifest)}
    assert list(found) == [
        *("wrong class", "none of the classes", "conflicting duplicate", "several objects", NEARLY, SECOND_LOOK)
    ]
    for reason in set(REMOVED.values()):
        mine = [number for number, each in REMOVED.items() if each == reason]
        mine.sort(key=lambda number: max(WRONG.get(number, 0), SEVERAL.get(number, 0)) - 0.5)
        assert found[reason].ids == tuple(map(identity, mine))
        assert found[reason].agree == "remove"
    assert found[NEARLY].ids[:2] == (identity(12), identity(13))
    assert len(found[NEARLY].ids) == len(POOL) - len(REMOVED)
    assert found[NEARLY].agree == "keep"


def test_second_look_draws_kept_pictures_of_the_pool(manifest: Manifest) -> None:
    def drawn(seed: int) -> tuple[str, ...]:
        return next(queue.ids for queue in queues(manifest, seed=seed) if queue.reason == SECOND_LOOK)

    kept = {identity(number) for number in POOL if number not in REMOVED}
    assert set(drawn(1)) <= kept
    assert len(drawn(1)) == len(set(drawn(1))) == min(50, len(kept))
    assert drawn(1) == drawn(1) != drawn(2)


def test_place_of_a_picture(manifest: Manifest) -> None:
    assert place_of(queues(manifest), identity(3)) == ("wrong class", 2)
    alone = queues(manifest, alone=identity(20))[-1]
    assert (alone.reason, alone.ids) == (ALONE, (identity(20),))
    assert all(queue.reason != ALONE for queue in queues(manifest, alone=identity(50))), "the test side stays untouched"
    assert place_of(queues(manifest), identity(50)) is None


def test_decisions_move_the_balance(manifest: Manifest) -> None:
    before = {row["label"]: row for row in balance(manifest, {})}
    gone = pd.Series([label(number) for number in REMOVED]).value_counts().to_dict()
    assert {name: row["removed"] for name, row in before.items()} == {name: gone.get(name, 0) for name in before}
    assert sum(row["kept"] + row["removed"] for row in before.values()) == len(POOL)
    decided = {identity(3): "keep", identity(4): "remove", identity(8): "keep"}
    after = {row["label"]: row for row in balance(manifest, decided)}
    assert after["clowns"]["removed"] == before["clowns"]["removed"] - 1
    assert after["frogs"]["removed"] == before["frogs"]["removed"] + 1
    assert after["skulls"] == before["skulls"]
    assert after["clowns"]["were_removed"] == before["clowns"]["removed"]


def test_item_shows_the_evidence_and_the_copies(manifest: Manifest) -> None:
    shown = item(manifest, identity(0), {identity(0): "keep"})
    assert (shown["label"], shown["suggested"], shown["reason"]) == ("clowns", "frogs", "conflicting duplicate")
    assert (shown["kept"], shown["decision"]) == (False, "keep")
    assert shown["evidence"]["wrong label"] == 0.9
    assert [each["label"] for each in shown["probabilities"]] == ["frogs", "clowns", "skulls"]
    assert shown["copies"] == [{"id": identity(1), "label": "frogs", "side": "train", "kept": True}]


def test_what_ingest_left_out(manifest: Manifest) -> None:
    refused, copy = left_out(manifest)
    assert (refused["name"], refused["reason"], refused["kept"]) == ("clowns/broken.png", "damaged", "")
    assert (copy["reason"], copy["kept"]) == ("exact copy, other class", identity(4))
