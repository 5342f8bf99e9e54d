"""Filters, pages and facts, against pandas on the files themselves."""

from pathlib import Path

import pandas as pd
import pytest
from made_project import CLASSES, COUNT, identity, make_project

from nightmare.studio.browsing import Filter, choices, counts, details, page_of
from nightmare.studio.manifest import Manifest, Tables


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    return folder


@pytest.fixture(scope="module")
def manifest(project: Path) -> Manifest:
    manifest = Tables(project).manifest()
    assert manifest is not None
    return manifest


@pytest.fixture(scope="module")
def table(project: Path) -> pd.DataFrame:
    """What the files say, joined in another way."""
    read = {name: pd.read_csv(project / f"{name}.csv").set_index("id") for name in ("data/culled", "data/images")}
    said = pd.concat(
        pd.read_csv(project / f"reports/{name}/predictions.csv").set_index("id") for name in ("crossval", "evaluate")
    )
    table = read["data/culled"].join(read["data/images"].drop(columns="group"))
    table["predicted"] = said["predicted"]
    return table


@pytest.mark.parametrize(
    ("wanted", "query"),
    [
        (Filter(), "keep == keep"),
        (Filter(side="val"), "side == 'val'"),
        (Filter(label="frogs", grade="B"), "label == 'frogs' and grade == 'B'"),
        (Filter(fate="removed"), "not keep"),
        (Filter(fate="kept", side="train"), "keep and side == 'train'"),
        (Filter(origin="iconify:flat"), "source_id.str.startswith('flat:')"),
        (Filter(licence="CC0-1.0"), "licence == 'CC0-1.0'"),
        (Filter(verdict="disagrees"), "predicted != label"),
        (Filter(verdict="agrees", label="skulls"), "predicted == label and label == 'skulls'"),
        (Filter(side="nowhere"), "side == 'nowhere'"),
    ],
)
def test_filters_equal_pandas(wanted: Filter, query: str, manifest: Manifest, table: pd.DataFrame) -> None:
    rows = wanted.within(manifest.frame)
    assert set(rows["id"]) == set(table.query(query, engine="python").index)
    expected = table.loc[rows["id"]].groupby(["label", "side"]).size()
    found = {(row["label"], each): row[each] for row in counts(rows) for each in ("train", "val", "test") if row[each]}
    assert found == expected.to_dict()


def test_prefix_is_that_of_an_id_or_a_file(manifest: Manifest) -> None:
    row = manifest.frame.loc[identity(8)]
    for prefix in (row["id"], row["id"][:6], row["sha256"][:8]):
        assert list(Filter(prefix=prefix).within(manifest.frame)["id"]) == [row["id"]]
    assert Filter(prefix="x").within(manifest.frame).empty


def test_pages_hold_every_picture_once(manifest: Manifest) -> None:
    pages = [page_of(manifest.frame, number=number, size=24) for number in (1, 2, 3)]
    assert [len(page.pictures) for page in pages] == [24, 24, 12]
    assert {(page.pages, page.total) for page in pages} == {(3, COUNT)}
    ids = [picture["id"] for page in pages for picture in page.pictures]
    assert sorted(ids) == sorted(manifest.frame["id"])
    assert page_of(manifest.frame, number=9, size=24) == pages[2], "beyond the last page is the last"
    nothing = page_of(manifest.frame.iloc[:0], number=1, size=24)
    assert (nothing.number, nothing.pages, nothing.total, nothing.pictures) == (1, 1, 0, [])


def test_choices_count_all_pictures(manifest: Manifest) -> None:
    found = choices(manifest.frame)
    assert [choice["value"] for choice in found["label"]] == list(CLASSES)
    assert {name: sum(each["count"] for each in values) for name, values in found.items()} == dict.fromkeys(
        found, COUNT
    )
    assert [choice["value"] for choice in found["licence"]] == ["MIT", "CC0-1.0"], "frequent ones first"


def test_details_hold_the_facts(manifest: Manifest, table: pd.DataFrame) -> None:
    facts = details(manifest, identity(4))
    assert facts is not None
    for name in ("label", "grade", "side", "group", "width", "height", "licence", "creator", "source_id"):
        assert facts[name] == table.at[identity(4), name]
    assert facts["copies"] == [{"kind": "pixels", "class_hint": "skulls", "source_id": ""}]
    assert facts["licence_url"] == "https://example.org/licence"
    related = details(manifest, identity(6))
    assert related is not None
    assert related["relatives"] == [{"id": identity(3), "label": "clowns", "side": "train", "keep": False}]


def test_only_addresses_of_pages_are_links(manifest: Manifest) -> None:
    facts = details(manifest, identity(1))
    assert facts is not None
    assert facts["licence_url"] == ""


@pytest.mark.parametrize("unknown", ["", "../images.csv", "0" * 16])
def test_unknown_id_has_no_details(unknown: str, manifest: Manifest) -> None:
    assert details(manifest, unknown) is None
