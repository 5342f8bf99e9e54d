import json

import pytest
from tarballs import FakeNpm, icons, pin, tarball

from nightmare.sources.candidates import Candidate, Licence
from nightmare.sources.iconify import IconifySource, work_name
from nightmare.sources.packages import Pin, fetch_packages
from nightmare.sources.terms import Concept

CONCEPTS = [
    Concept("lizards", (("A", "lizard"), ("C", "tail"))),
    Concept("frogs", (("A", "frog"), ("B", "toad"))),
]
POND = icons(
    {name: {"body": f"<!-- {name} -->"} for name in ("frog", "toad", "newt", "frog-tail", "lizard")},
    aliases={"tree-frog": {"parent": "toad"}, "frog-left": {"parent": "frog", "hFlip": True}},
)
OPENMOJI = tarball(
    {
        "data/openmoji.json": json.dumps(
            [{"hexcode": "1F438", "annotation": "frog", "openmoji_author": "Bob"}]
        ).encode(),
        "color/svg/1F438.svg": b"<svg/>",
    }
)
FLUENT = tarball({"assets/1f438.webp": b"RIFF", "assets/1f600.webp": b"RIFF"})


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> list[Pin]:
    """Three sets, already in the cache."""
    monkeypatch.setenv("NIGHTMARE_BACKEND", "threading")
    contents = {"@iconify-json/pond": POND, "openmoji": OPENMOJI, "fluent": FLUENT}
    layouts = {"@iconify-json/pond": "iconify", "openmoji": "openmoji", "fluent": "fluent-3d"}
    pins = [pin(content, name=name, layout=layouts[name]) for name, content in contents.items()]
    fetch_packages(pins, npm=FakeNpm(contents))
    return pins


def found(source: IconifySource) -> dict[str, Candidate]:
    candidates = list(source.candidates())
    by_id = {candidate.source_id: candidate for candidate in candidates}
    assert len(by_id) == len(candidates)
    return by_id


def test_every_drawing_comes_once_at_its_best_grade(pins: list[Pin]) -> None:
    candidates = found(IconifySource(CONCEPTS, pins, 100))
    assert {name: (one.class_hint, one.grade_hint, one.query) for name, one in candidates.items()} == {
        "pond:frog": ("frogs", "A", "frog"),
        "pond:toad": ("frogs", "A", "frog"),  # its alias is better than its name
        "pond:frog-left": ("frogs", "A", "frog"),
        "pond:frog-tail": ("frogs", "A", "frog"),
        "pond:lizard": ("lizards", "A", "lizard"),
        "openmoji:color-1f438": ("frogs", "A", "frog"),
        "fluent:1f438": ("frogs", "A", "frog"),
    }


def test_candidates_carry_bytes_licence_and_artist(pins: list[Pin]) -> None:
    candidates = found(IconifySource(CONCEPTS, pins, 100))
    frog, emoji, picture = (candidates[name] for name in ("pond:frog", "openmoji:color-1f438", "fluent:1f438"))
    assert frog.content.startswith(b"<svg ")
    assert b"<!-- frog -->" in frog.content
    assert (frog.source, frog.media, frog.work) == ("iconify", "svg", "ann frog")
    assert frog.licence == Licence("MIT", "https://example.org/mit", "Ann")
    assert frog.landing_url == "https://example.org/pond"
    assert (emoji.media, emoji.licence.creator) == ("svg", "Bob")
    assert (picture.media, picture.content) == ("file", b"RIFF")


@pytest.mark.parametrize(
    ("author", "name", "work"),
    [
        ("ByteDance", "crab", "bytedance crab"),
        ("ByteDance", "crab-outline", "bytedance crab"),
        ("Google Inc", "vampire-dark-skin-tone", "google vampire"),
        ("Google", "Vampire: light skin tone", "google vampire"),
        ("Ann", "zombie-2", "ann zombie 2"),
        ("Ann", "black-circle", "ann black circle"),  # nothing but style is a motif after all
    ],
)
def test_renderings_of_one_motif_are_one_work(author: str, name: str, work: str) -> None:
    assert work_name(author, name) == work


def test_the_cap_holds_per_concept_and_is_counted(pins: list[Pin]) -> None:
    source = IconifySource(CONCEPTS, pins, 2)
    candidates = found(source)
    assert sorted(one.class_hint for one in candidates.values()) == ["frogs", "frogs", "lizards"]
    assert source.left_out == {"frogs": 4}
    assert found(IconifySource(CONCEPTS, pins[::-1], 2)).keys() == candidates.keys()
