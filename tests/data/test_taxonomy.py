from pathlib import Path

import pytest

from nightmare.data.taxonomy import load_taxonomy
from nightmare.errors import InputError, ParameterError

REAL = Path(__file__).parents[2] / "data" / "taxonomies"
TEN = {
    "creepy_crawlies",
    "creepy_walkies",
    "skulls",
    "satan",
    "horror_girls",
    "frogs",
    "jellyfish",
    "clowns",
    "lizards",
    "scorpions",
}


def test_anf_has_the_ten_classes():
    taxonomy = load_taxonomy(REAL, "anf", concepts=[])
    assert set(taxonomy.classes) == TEN
    assert all(taxonomy.label(concept) == concept for concept in TEN)
    assert taxonomy.label("landscapes") == ""


def test_idl_sets_nightmares_against_landscapes():
    taxonomy = load_taxonomy(REAL, "idl", concepts=[])
    assert {taxonomy.label(concept) for concept in TEN} == {"nightmares"}
    assert taxonomy.label("landscapes") == "landscapes"


def test_folders_takes_the_concepts_as_they_come():
    taxonomy = load_taxonomy(REAL, "folders", concepts=["b", "a", "b"])
    assert taxonomy.classes == {"a": ["a"], "b": ["b"]}
    assert taxonomy.label("c") == ""


def test_a_concept_belongs_to_the_first_class_that_lists_it(tmp_path):
    (tmp_path / "x.yaml").write_text("description: d\nclasses:\n  b: [frogs]\n  a: [frogs, toads]\n")
    taxonomy = load_taxonomy(tmp_path, "x", concepts=[])
    assert [taxonomy.label(concept) for concept in ("frogs", "toads")] == ["b", "a"]


def test_an_unknown_version_names_those_that_exist():
    with pytest.raises(ParameterError, match=r"'anff'.*anf, folders, idl"):
        load_taxonomy(REAL, "anff", concepts=[])


@pytest.mark.parametrize(
    "text", ["", "classes: {a: [a]}", "description: d\nclasses: some", "description: d\nclasses: {a: b}", "a: [", "- a"]
)
def test_a_file_that_is_no_taxonomy(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=r"x\.yaml is no taxonomy"):
        load_taxonomy(tmp_path, "x", concepts=[])
