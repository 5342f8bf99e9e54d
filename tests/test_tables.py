"""Tables: stable bytes, checked columns, errors that name file, column and the stage to run."""

from pathlib import Path

import pandas as pd
import pytest

from nightmare.errors import TableError
from nightmare.tables import SPLIT, classes_of, read_table, write_table


def test_round_trip_keeps_kinds_and_extras_and_does_not_depend_on_order(
    tiny_split: pd.DataFrame, tmp_path: Path
) -> None:
    rows = tiny_split.assign(note=0.1 + 0.2)
    write_table(rows, tmp_path / "a.csv", SPLIT)
    write_table(rows.sample(frac=1, random_state=0)[rows.columns[::-1]], tmp_path / "b.csv", SPLIT)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    read = read_table(tmp_path / "a.csv", SPLIT)
    assert list(read["id"]) == sorted(tiny_split["id"])
    assert read["keep"].dtype == bool
    assert read["fold"].dtype == "int64"
    assert read["note"].iloc[0] == "0.300000"
    assert b"\r" not in (tmp_path / "a.csv").read_bytes()


def test_identifiers_of_digits_stay_text(tiny_split: pd.DataFrame, tmp_path: Path) -> None:
    write_table(tiny_split, tmp_path / "split.csv", SPLIT)
    assert read_table(tmp_path / "split.csv", SPLIT)["id"].iloc[0] == "0000000000000000"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"keep": "maybe"}, "keep: a cell is neither True nor False"),
        ({"fold": "x"}, "fold: 40 cells are not a number"),
        ({"fold": "0.5"}, "fold: a cell is not a whole number"),
        ({"id": "same"}, "39 rows with a repeated key"),
    ],
)
def test_wrong_cells_are_named(
    change: dict[str, str], complaint: str, tiny_split: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "split.csv"
    tiny_split.assign(**change).to_csv(path, index=False)
    with pytest.raises(TableError, match=complaint):
        read_table(path, SPLIT)


def test_missing_table_column_and_content_say_what_to_run(tiny_split: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="run `dvc repro split`"):
        read_table(tmp_path / "none.csv", SPLIT)
    path = tmp_path / "split.csv"
    tiny_split.drop(columns="side").to_csv(path, index=False)
    with pytest.raises(TableError, match="lacks column side"):
        read_table(path, SPLIT)
    path.write_bytes(b"")
    with pytest.raises(TableError, match="is not a table"):
        read_table(path, SPLIT)


def test_refused_table_leaves_the_old_one(tiny_split: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    write_table(tiny_split, path, SPLIT)
    before = path.read_bytes()
    with pytest.raises(TableError):
        write_table(pd.concat([tiny_split, tiny_split]), path, SPLIT)
    assert path.read_bytes() == before


def test_classes_stand_in_one_order_whatever_that_of_the_rows(tiny_split: pd.DataFrame) -> None:
    assert classes_of(tiny_split) == classes_of(tiny_split[::-1]) == ("bars", "disc")
