from pathlib import Path

import pandas as pd
import pytest

from nightmare.data.labels import Correction, assign_labels, read_corrections
from nightmare.data.taxonomy import Taxonomy
from nightmare.errors import InputError

SEARCH = Path("data/search.yaml")
TAXONOMY = Taxonomy("two", SEARCH, {"cold": ["frogs", "lizards"], "warm": ["bats"]})
FACTS = {"original_width": 200, "original_height": 200, "sharpness": 0.2, "contrast": 0.2, "blank_share": 0.5}


def images(*rows):
    """Rows of id, concept and grade of the source."""
    return pd.DataFrame([{"id": name, "class_hint": hint, "grade_hint": grade, **FACTS} for name, hint, grade in rows])


def label(rows, corrections=None, *, smallest_class=1):
    return assign_labels(rows, TAXONOMY, corrections or {}, smallest_class=smallest_class)


FOUR = images(("1", "frogs", "B"), ("2", "lizards", ""), ("3", "bats", "A"), ("4", "bats", "C"))


def test_source_first_then_rule():
    table = label(FOUR).labels.set_index("id")
    assert table["label"].to_dict() == {"1": "cold", "2": "cold", "3": "warm", "4": "warm"}
    assert table["grade"].to_dict() == {"1": "B", "2": "A", "3": "A", "4": "C"}
    assert table["origin"].to_dict() == {"1": "source", "2": "rule", "3": "source", "4": "source"}
    assert set(table["version"]) == {"two"}


def test_corrections_win_and_keep_what_they_leave_empty():
    table = label(
        FOUR, {"1": Correction("warm", ""), "2": Correction("", "C"), "4": Correction("warm", "A")}
    ).labels.set_index("id")
    assert table.loc["1", ["label", "grade", "origin"]].tolist() == ["warm", "B", "hand"]
    assert table.loc["2", ["label", "grade", "origin"]].tolist() == ["cold", "C", "hand"]
    assert table.loc["4", "grade"] == "A"


def test_none_leaves_an_image_out():
    result = label(FOUR, {"3": Correction("none", "")})
    assert sorted(result.labels["id"]) == ["1", "2", "4"]
    assert result.excluded == 1


def test_a_concept_called_none_is_no_exclusion():
    taxonomy = Taxonomy("folders", SEARCH, {"none": ["none"], "some": ["some"]})
    result = assign_labels(images(("1", "none", "A"), ("2", "some", "A")), taxonomy, {}, smallest_class=1)
    assert len(result.labels) == 2


def test_concepts_outside_the_version_are_counted_and_can_be_called_in():
    rows = images(("1", "frogs", "A"), ("2", "bats", "A"), ("3", "landscapes", "A"), ("4", "landscapes", "A"))
    result = label(rows, {"4": Correction("warm", "")})
    assert sorted(result.labels["id"]) == ["1", "2", "4"]
    assert result.unmapped == 1


def test_unknown_corrections_are_reported():
    assert label(FOUR, {"9": Correction("warm", ""), "8": Correction("none", "")}).unknown == ["8", "9"]


def test_small_and_empty_classes_are_dropped_by_name():
    taxonomy = Taxonomy("three", SEARCH, {**TAXONOMY.classes, "wet": ["fish"], "dry": ["sand"]})
    rows = pd.concat([FOUR, images(("5", "fish", "A"))])
    result = assign_labels(rows, taxonomy, {}, smallest_class=2)
    assert result.dropped == {"wet": 1, "dry": 0}
    assert set(result.labels["label"]) == {"cold", "warm"}


@pytest.mark.parametrize("smallest_class", [3, 99])
def test_fewer_than_two_classes_is_an_error_that_says_what_there_is(smallest_class):
    rows = pd.concat([FOUR, images(("5", "frogs", "A"))])
    with pytest.raises(InputError, match="cold 3, warm 2"):
        label(rows, smallest_class=smallest_class)


def corrections(tmp_path, text):
    path = tmp_path / "corrections.csv"
    path.write_text(text, encoding="utf-8")
    return read_corrections(path, TAXONOMY)


def test_corrections_are_read(tmp_path):
    text = 'id,label,grade,note\n1,warm,A,"clear, to me"\n2,,B,\n\n3,none,,blurred\n4,frogs,,\n'
    assert corrections(tmp_path, text) == {
        "1": Correction("warm", "A"),
        "2": Correction("", "B"),
        "3": Correction("none", ""),
        "4": Correction("cold", ""),  # the concept stands for its class
    }


def test_no_file_and_header_only_are_no_corrections(tmp_path):
    assert read_corrections(tmp_path / "absent.csv", TAXONOMY) == {}
    assert corrections(tmp_path, "id,label,grade,note\n") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header must be id,label,grade,note"),
        ("id,label\n", "line 1: the header"),
        ("id,label,grade,note\n1,warm,A,\n2,bat,,\n", "line 3: 'bat' is no class of two: use cold, warm or none"),
        ("id,label,grade,note\n1,warm,D,\n", "line 2: 'D' is no grade"),
        ("id,label,grade,note\n1,warm,A,\n1,cold,A,\n", "line 3: 1 was corrected before"),
        ("id,label,grade,note\n1,warm,A\n", "line 2 has 3 cells"),
        ("id,label,grade,note\n1,warm,A,clear, to me\n", "line 2 has 5 cells"),
    ],
)
def test_what_is_wrong_with_corrections_names_the_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        corrections(tmp_path, text)
