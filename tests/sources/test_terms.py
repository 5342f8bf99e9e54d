from pathlib import Path

import pytest

from nightmare.errors import SourceError
from nightmare.sources.terms import Concept, Match, TermIndex, load_concepts

LIZARDS = Concept("lizards", (("A", "lizard"), ("B", "t-rex"), ("C", "hand-lizard"), ("C", "python")), ("flag",))
FROGS = Concept("frogs", (("A", "frog"), ("B", "toad"), ("B", "lily-pad"), ("C", "python"), ("C", "lizard")))
INDEX = TermIndex([LIZARDS, FROGS])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("frog", ("frogs", "A", "frog")),
        ("tree-frogs", ("frogs", "A", "frog")),
        ("Frog_Face 2", ("frogs", "A", "frog")),
        ("frog2", ("frogs", "A", "frog")),
        ("lily-pads", ("frogs", "B", "lily-pad")),
        ("leapfrog", None),
        ("frogger", None),
        ("lily", None),
        ("pad-lily", None),
        ("", None),
        ("t-rex", ("lizards", "B", "t-rex")),
        ("hand-lizard", ("lizards", "C", "hand-lizard")),
        ("lizard-and-hand-lizard", ("lizards", "A", "lizard")),
        ("frog-and-lizard", ("lizards", "A", "lizard")),
        ("toad-lizard-python", ("lizards", "A", "lizard")),
        ("python", ("lizards", "C", "python")),
        ("flag-lizard", ("frogs", "C", "lizard")),
        ("flag-frog", ("frogs", "A", "frog")),
    ],
)
def test_best_match(name: str, expected: tuple[str, str, str] | None) -> None:
    assert INDEX.best_match((name,)) == (Match(*expected) if expected else None)


def test_any_name_may_match_and_any_may_exclude() -> None:
    assert INDEX.best_match(("1f438", "toad", "frog face")) == Match("frogs", "A", "frog")
    assert INDEX.best_match(("t-rex", "flag of dinosaurs")) is None


@pytest.mark.parametrize(("name", "term"), [("witches", "witch"), ("mummies", "mummy"), ("zombies", "zombie")])
def test_plurals(name: str, term: str) -> None:
    index = TermIndex([Concept("all", (("A", "witch"), ("A", "mummy"), ("A", "zombie")))])
    assert index.best_match((name,)) == Match("all", "A", term)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_load_concepts_keeps_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "s.yaml", "b:\n  B: [toad]\n  A: [frog]\na:\n  C: [tick]\n  exclude: [flag]\n")
    assert load_concepts(path) == [
        Concept("b", (("A", "frog"), ("B", "toad"))),
        Concept("a", (("C", "tick"),), ("flag",)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frogs: [frog]\n", "frogs needs lists"),
        ("frogs: {A: [frog], D: [x]}\n", "frogs has D: known are A, B, C"),
        ("frogs: {A: frog}\n", r"frogs\.A is not a list"),
        ("frogs: {A: [1]}\n", r"frogs\.A is not a list"),
        ("frogs: {A: ['-']}\n", r"frogs\.A is not a list"),
        ("frogs: {exclude: [x]}\n", "frogs has no terms"),
        ("", "holds no concepts"),
        ("{", "is not YAML"),
    ],
)
def test_load_concepts_names_the_fault(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        load_concepts(write(tmp_path / "s.yaml", text))


def test_load_concepts_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="git checkout"):
        load_concepts(tmp_path / "s.yaml")


@pytest.mark.parametrize(
    ("file", "names"),
    [
        (
            "search.yaml",
            "creepy_crawlies creepy_walkies skulls satan horror_girls frogs jellyfish clowns lizards scorpions "
            "landscapes",
        ),
        ("features.yaml", "eyes fangs devil_faces claws bones tentacles wings"),
    ],
)
def test_the_searches_of_the_project(file: str, names: str) -> None:
    concepts = load_concepts(Path(__file__).parents[2] / "data" / file)
    assert [concept.name for concept in concepts] == names.split()
    assert all({grade for grade, _ in concept.terms} == {"A", "B", "C"} for concept in concepts)
    index = TermIndex(concepts)
    for concept in concepts:
        assert len({term for _, term in concept.terms}) == len(concept.terms), f"{concept.name} has a term twice"
        for grade, term in concept.terms:
            match = index.best_match((term,))
            assert match is None or match.grade <= grade, f"{term} of {concept.name} is lost to {match}"
