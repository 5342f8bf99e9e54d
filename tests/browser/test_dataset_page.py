"""Dataset: what is shown is what the tables say, and only what stands in them is handed out."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from made_project import COUNT, identity
from test_studio_http import ask, post
from visiting import Server, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., Visitor]


@pytest.fixture
def server(culled_server: Server) -> Server:
    return culled_server


@pytest.fixture
def table(server: Server) -> pd.DataFrame:
    folder = server.control
    read = pd.read_csv(folder / "data/culled.csv").set_index("id")
    images = pd.read_csv(folder / "data/images.csv").set_index("id").drop(columns="group")
    said = pd.concat(
        pd.read_csv(folder / f"reports/{name}/predictions.csv").set_index("id") for name in ("crossval", "evaluate")
    )
    return read.join(images).assign(predicted=said["predicted"])


def opened(visitor: Visitor, place: str = "data") -> "Page":
    page = visitor.open(f"/#{place}")
    page.wait_for_selector(".nm-grid button")
    return page


def words(page: "Page", text: str) -> None:
    page.wait_for_function("text => document.querySelector('.nm-data .nm-status')?.textContent === text", arg=text)


def focused(page: "Page") -> str:
    return str(page.evaluate("document.activeElement.dataset.id"))


FILTERS = {
    "side=val": "side == 'val'",
    "label=frogs&grade=B": "label == 'frogs' and grade == 'B'",
    "fate=removed": "not keep",
    "origin=iconify:flat&fate=kept": "keep and source_id.str.startswith('flat:')",
    "licence=CC0-1.0": "licence == 'CC0-1.0'",
    "verdict=disagrees": "predicted != label",
}


@pytest.mark.parametrize("query", FILTERS)
def test_counts_are_those_of_the_tables(query: str, server: Server, visit: Visit, table: pd.DataFrame) -> None:
    page = opened(visit(server), f"data?{query}")
    expected = table.query(FILTERS[query], engine="python")
    words(page, f"{len(expected)} of {COUNT} pictures")
    shown = page.eval_on_selector_all(".nm-grid button", "all => all.map(each => each.dataset.id)")
    assert set(shown) == set(expected.index)
    rows = [row.split() for row in page.locator(".nm-counts tbody tr").all_inner_texts()]
    sides = expected.groupby(["label", "side"]).size()
    assert {
        (row[0], side): int(count)
        for row in rows
        for side, count in zip(("train", "val", "test"), row[1:], strict=True)
        if int(count)
    } == sides.to_dict()


def test_filters_stand_in_the_address(server: Server, visit: Visit) -> None:
    page = opened(visit(server))
    words(page, f"{COUNT} pictures")
    page.get_by_label("Class").select_option("skulls")
    words(page, f"20 of {COUNT} pictures")
    page.get_by_label("Side").select_option("test")
    words(page, f"4 of {COUNT} pictures")
    assert page.evaluate("String(nightmare.place().parameters)") == "label=skulls&side=test"
    page.reload()
    words(page, f"4 of {COUNT} pictures")
    assert page.get_by_label("Class").input_value() == "skulls"
    page.get_by_role("tab", name="Review").click()
    page.get_by_role("tab", name="Dataset").click()
    page.wait_for_function("location.hash === '#data?label=skulls&side=test'")
    page.get_by_label("Id or SHA-256 begins").fill("zz")
    words(page, "No picture is like that.")
    page.get_by_role("button", name="All pictures").click()
    words(page, f"{COUNT} pictures")
    assert page.evaluate("location.hash") == "#data"


def test_arrows_cross_pages(server: Server, visit: Visit) -> None:
    page = opened(visit(server), "data?size=24")
    first = page.get_attribute(".nm-grid button >> nth=0", "data-id")
    last = page.get_attribute(".nm-grid button >> nth=23", "data-id")
    page.locator(".nm-grid button").nth(23).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.nm-page-words').textContent === 'Page 2 of 3'")
    assert focused(page) == page.get_attribute(".nm-grid button >> nth=0", "data-id")
    assert page.evaluate("nightmare.place().parameters.get('page')") == "2"
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('.nm-page-words').textContent === 'Page 1 of 3'")
    assert focused(page) == last
    page.locator(".nm-grid button").nth(0).focus()
    page.keyboard.press("ArrowUp")
    assert focused(page) == first, "there is no page before the first"
    page.keyboard.press("ArrowDown")
    tops = page.eval_on_selector_all(".nm-grid li", "all => all.map(each => each.offsetTop)")
    below = tops.count(tops[0])
    assert focused(page) == page.get_attribute(f".nm-grid button >> nth={below}", "data-id")
    assert page.locator(".nm-grid button[tabindex='0']").count() == 1


def test_detail_holds_the_facts(server: Server, visit: Visit, table: pd.DataFrame) -> None:
    page = opened(visit(server))
    page.locator(f".nm-grid button[data-id='{identity(6)}']").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    dialog.wait_for()
    rows = [row.inner_text().split("\t") for row in dialog.locator("tr").all()]
    facts = {row[0].strip(): row[1].strip() for row in rows}
    row = table.loc[identity(6)]
    assert facts["Class"] == f"{row['label']}, grade {row['grade']}"
    assert facts["Side"] == row["side"]
    assert facts["Culling"] == "kept"
    assert facts["Model says"] == f"{row['predicted']}, 85 %: agrees with the label"
    assert facts["Size"] == "64 x 64, as found 640 x 640"
    assert facts["Id"] == identity(6)
    assert facts["Licence"] == row["licence"]
    assert len(facts["Perceptual hash"]) == 16
    assert dialog.locator("a").first.get_attribute("href") == "https://example.org/set"
    assert dialog.locator(".nm-strip button").count() == 1
    assert page.evaluate("nightmare.place().parameters.get('picture')") == identity(6)
    page.reload()
    page.wait_for_selector("dialog[open] img")
    page.wait_for_selector(".nm-grid button")
    page.keyboard.press("Escape")
    # The dialog is closed before it hears of it, and then hands the focus on.
    page.wait_for_function("(id) => document.activeElement.dataset.id === id", arg=identity(6))
    assert page.evaluate("location.hash") == "#data"


def test_link_that_is_none_is_not_shown(server: Server, visit: Visit) -> None:
    page = opened(visit(server), f"data?picture={identity(1)}")
    page.wait_for_selector("dialog[open] img")
    assert [link.get_attribute("href") for link in page.locator("dialog a").all()] == ["https://example.org/set"]


def test_picture_becomes_the_photo(server: Server, visit: Visit) -> None:
    page = opened(visit(server), f"data?picture={identity(6)}")
    page.get_by_role("button", name="Use as photo").click()
    page.wait_for_selector("#tab-dream-button[aria-selected=true]")
    page.wait_for_function(
        "name => document.querySelector('.nm-before').alt.includes(name)", arg=f"clowns {identity(6)[:6]}"
    )
    assert page.locator("dialog").count() == 0


@pytest.mark.parametrize(("number", "reason"), [(7, "none of the classes"), (6, "one picture")])
def test_picture_opens_in_review(number: int, reason: str, server: Server, visit: Visit) -> None:
    page = opened(visit(server), f"data?picture={identity(number)}")
    page.get_by_role("button", name="Open in Review").click()
    page.wait_for_selector(f".nm-review[data-id='{identity(number)}']")
    assert page.inner_text(".nm-review-head h2").lower() == reason
    assert page.evaluate("nightmare.place().parameters.get('reason')") == reason


def test_test_side_is_not_reviewed(server: Server, visit: Visit) -> None:
    page = opened(visit(server), f"data?picture={identity(50)}")
    assert page.get_by_role("button", name="Open in Review").is_disabled()


@pytest.mark.parametrize(
    "path",
    [
        "/api/thumbs/../images.csv",
        "/api/thumbs/..%2fimages.csv.webp",
        "/api/thumbs/%2e%2e%2f%2e%2e%2fetc%2fpasswd.webp",
        "/api/thumbs/0000000000000000.webp",
        "/api/thumbs/.webp",
        "/api/data/..%2f..%2fparams.yaml",
        "/api/data/0000000000000000",
        "/api/review/place?identity=../params.yaml",
        "/api/review/items?reason=../params.yaml",
    ],
)
def test_nothing_but_the_table_is_handed_out(path: str, server: Server) -> None:
    answer = ask(server, path)
    assert answer.status == 404
    assert b"root:" not in answer.body


def test_thumbnail_is_sent_once(server: Server) -> None:
    path = f"/api/thumbs/{identity(2)}.webp"
    answer = ask(server, path)
    assert (answer.status, answer.headers["content-type"], answer.body[8:12]) == (200, "image/webp", b"WEBP")
    assert "max-age" in answer.headers["cache-control"]
    tag = answer.headers["etag"]
    again = ask(server, path, If_None_Match=tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert ask(server, path, If_None_Match='"another"').status == 200
    assert ask(server, f"{path}?whole=true").headers["etag"] != tag


def test_page_is_at_most_so_large(server: Server) -> None:
    assert ask(server, "/api/data?size=97").status == 422
    assert ask(server, "/api/data?page=0").status == 422


def test_decisions_are_checked(server: Server) -> None:
    def status(body: str) -> int:
        return post(server, "/api/review", body.encode(), Content_Type="application/json").status

    def wanted(identity: str, decision: str, times: int = 1, **more: str) -> str:
        return json.dumps({"reason": "x", "decisions": [{"id": identity, "decision": decision}] * times, **more})

    before = (server.control / "data/decisions.jsonl").read_bytes()
    for body, expected in (
        ("{}", 422),
        (wanted(identity(3), "keep", times=0), 422),
        (wanted(identity(3), "keep", times=97), 422),
        (wanted(identity(3), "delete"), 422),
        (wanted(identity(3), "keep", path="y"), 422),
        (wanted("f" * 16, "keep"), 404),
        (wanted(identity(50), "remove"), 422),
    ):
        assert status(body) == expected, body
    assert ask(server, "/api/review", method="POST", body=b"{}").status == 403
    assert (server.control / "data/decisions.jsonl").read_bytes() == before
