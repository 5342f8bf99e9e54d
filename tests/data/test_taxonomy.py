from pathlib import Path

import pytest
from ruamel.yaml import YAML

from nightmare.data.taxonomy import load_taxonomy
from nightmare.errors import InputError, ParameterError

ROOT = Path(__file__).parents[2]
REAL = ROOT / "data" / "taxonomies"
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
    taxonomy = load_taxonomy(REAL, "anf")
    assert set(taxonomy.classes) == TEN
    assert all(taxonomy.label(concept) == concept for concept in TEN)
    assert taxonomy.label("landscapes") == ""


def test_idl_sets_nightmares_against_landscapes():
    taxonomy = load_taxonomy(REAL, "idl")
    assert {taxonomy.label(concept) for concept in TEN} == {"nightmares"}
    assert taxonomy.label("landscapes") == "landscapes"


def test_impn_has_a_class_for_each_feature():
    taxonomy = load_taxonomy(REAL, "impn")
    assert list(taxonomy.classes) == ["eyes", "fangs", "devil_faces", "claws", "bones", "tentacles", "wings"]
    assert all(concepts == [name] for name, concepts in taxonomy.classes.items())


@pytest.mark.parametrize("version", ["anf", "idl", "impn"])
def test_what_a_version_is_made_of_is_searched_for(version):
    taxonomy = load_taxonomy(REAL, version)
    searched = YAML(typ="safe").load((ROOT / taxonomy.search).read_text())
    assert {concept for concepts in taxonomy.classes.values() for concept in concepts} <= set(searched)


def test_the_search_is_that_of_the_project_unless_said_otherwise(tmp_path):
    text = "description: d\nclasses: {a: [a], b: [b]}\n"
    (tmp_path / "x.yaml").write_text(text)
    (tmp_path / "y.yaml").write_text(f"search: data/other.yaml\n{text}")
    assert load_taxonomy(tmp_path, "x").search == Path("data/search.yaml")
    assert load_taxonomy(tmp_path, "y").search == Path("data/other.yaml")


def test_folders_takes_the_concepts_as_they_come():
    taxonomy = load_taxonomy(REAL, "folders", concepts=["b", "a", "b"])
    assert taxonomy.classes == {"a": ["a"], "b": ["b"]}
    assert taxonomy.label("c") == ""


def test_a_concept_belongs_to_the_first_class_that_lists_it(tmp_path):
    (tmp_path / "x.yaml").write_text("description: d\nclasses:\n  b: [frogs]\n  a: [frogs, toads]\n")
    taxonomy = load_taxonomy(tmp_path, "x")
    assert [taxonomy.label(concept) for concept in ("frogs", "toads")] == ["b", "a"]


def test_an_unknown_version_names_those_that_exist():
    with pytest.raises(ParameterError, match=r"'anff'.*anf, folders, idl, impn"):
        load_taxonomy(REAL, "anff")


@pytest.mark.parametrize(
    "text", ["", "classes: {a: [a]}", "description: d\nclasses: some", "description: d\nclasses: {a: b}", "a: [", "- a"]
)
def test_a_file_that_is_no_taxonomy(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=r"x\.yaml is no taxonomy"):
        load_taxonomy(tmp_path, "x")
