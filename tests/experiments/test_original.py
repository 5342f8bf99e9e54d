"""The nine rows are the original's, and every change they make is one that params.yaml knows."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from nightmare.errors import InputError, ParameterError
from nightmare.experiments.original import (
    Row,
    changed_params,
    experiment_name,
    experiment_scale,
    read_rows,
    scaled_changes,
)
from nightmare.params import Params

ROOT = Path(__file__).parents[2]
ROWS = read_rows()
# Depth, data set version, learning rate, schedule, epochs, first weights, jitter, reported accuracy, stage.
ORIGINAL = [
    (152, "idl", 8e-5, "constant", 150, "imagenet", True, 0.93, "train"),
    (152, "idl", 8e-5, "constant", 140, False, True, 0.53, "train"),
    (50, "impn", 8e-5, "constant", 300, False, True, 0.53, "train"),
    (50, "anf", 8e-3, "multistep", 300, "imagenet", False, 0.873, "train"),
    (34, "anf", 8e-4, "constant", 400, False, True, 0.805, "train"),
    (34, "anf", 8e-4, "constant", 500, "imagenet", False, 0.738, "train"),
    (18, "anf", 8e-4, "constant", 500, "imagenet", False, 0.652, "train"),
    (18, "anf", 4e-4, "constant", 700, False, True, 0.81, "train"),
    (18, "anf", 1e-4, "constant", 200, False, True, 0.977, "retrain"),
]

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def leaf(params: Params, name: str) -> Any:
    section, key = name.split(".")
    return getattr(getattr(params, section), key)


def test_rows_are_those_of_the_original_at_full_scale(params: Params) -> None:
    found = []
    for row in ROWS:
        set_to = changed_params(params, scaled_changes(row, 1.0, params))
        train, model = set_to.train, set_to.model
        jitter = train.color_jitter > 0
        found.append(
            (
                *(model.depth, set_to.label.version, train.learning_rate, train.schedule, train.epochs),
                *(model.pretrained, jitter, row.reported, row.stage),
            )
        )
    assert found == ORIGINAL


@every_row
@pytest.mark.parametrize("scale", [0.001, 0.1, 0.5, 1.0])
def test_every_change_is_a_parameter_and_takes_effect(row: Row, scale: float, params: Params) -> None:
    changes = scaled_changes(row, scale, params)
    changed = changed_params(params, changes)
    assert {name: leaf(changed, name) for name in changes} == changes
    assert row.params.keys() <= changes.keys()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"train.epoch": 3}, "train.epoch is no parameter"),
        ({"trian.epochs": 3}, "trian.epochs is no parameter"),
        ({"train.epochs": 0}, "train.epochs = 0: "),
        ({"train.epochs": 1.5}, "train.epochs = 1.5: "),
        ({"model.depth": 20}, "model.depth = 20: "),
        ({"train.schedule": "decay"}, "train.schedule = 'decay': "),
    ],
)
def test_a_slip_is_named(change: dict[str, Any], complaint: str, params: Params) -> None:
    with pytest.raises(ParameterError, match=complaint):
        changed_params(params, change)


def test_scale_shrinks_epochs_and_pixels(params: Params) -> None:
    row = next(row for row in ROWS if row.params["train.epochs"] == 400)

    def size(scale: float) -> tuple[int, int, int]:
        changed = changed_params(params, scaled_changes(row, scale, params))
        assert changed.train.first_pixels == changed.model.pixels <= changed.ingest.pixels
        return changed.train.epochs, changed.model.pixels, changed.ingest.pixels

    stored = params.ingest.pixels
    assert size(1.0) == (400, 224, max(224, stored))
    assert size(0.25) == (100, 112, stored), "half the side has a quarter of the pixels"
    assert size(0.1) == (40, 72, stored)
    assert size(0.001) == (1, 64, stored)


def test_stages_write_what_the_table_reads() -> None:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    for row in ROWS:
        plots = {path for plot in stages[row.stage]["plots"] for path in ([plot] if isinstance(plot, str) else plot)}
        assert f"reports/{row.stage}/predictions.csv" in plots
    assert "data/culled.csv" in stages["cull"]["outs"]


def test_data_set_versions_have_a_taxonomy() -> None:
    versions = {str(row.params["label.version"]) for row in ROWS}
    existing = {path.stem for path in (ROOT / "data/taxonomies").glob("*.yaml")}
    assert versions <= existing


def test_names_carry_the_scale() -> None:
    names = [experiment_name(row, scale) for row in ROWS for scale in (0.05, 1.0)]
    assert len(set(names)) == 2 * len(ROWS)
    row = ROWS[0]
    assert [experiment_scale(row, experiment_name(row, scale)) for scale in (0.05, 0.001, 1.0)] == [0.05, 0.001, 1.0]
    assert experiment_scale(row, experiment_name(ROWS[1], 0.05)) is None
    assert experiment_scale(row, f"{experiment_name(row, 0.05)}-1") is None


def test_a_file_of_no_experiments_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run in the folder that holds dvc\.yaml"):
        read_rows(tmp_path / "absent.yaml")
    (tmp_path / "rows.yaml").write_text("- name: one\n  reported: 93\n")
    with pytest.raises(InputError, match="git checkout"):
        read_rows(tmp_path / "rows.yaml")
