"""Parameters: typos, wrong types and impossible values are named with line, value and what is allowed."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from nightmare.errors import ParameterError
from nightmare.params import Params, load_params

TEXT = (Path(__file__).parents[1] / "params.yaml").read_text()


def loaded(tmp_path: Path, old: str, new: str) -> Params:
    assert TEXT.count(old) >= 1, f"the test looks for {old!r} in params.yaml"
    (tmp_path / "params.yaml").write_text(TEXT.replace(old, new, 1))
    return load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  depth: 18", "  depht: 18", r"line \d+: model.depht is no parameter: did you mean depth\?"),
        ("  depth: 18", "  depth: 19", r"line \d+: model.depth = 19: input should be 18, 34, 50, 101 or 152"),
        ("  batch: 32", "  batch: ten", r"line \d+: train.batch = 'ten': input should be a valid integer"),
        ("  batch: 32", "  batch: 0", r"train.batch = 0: input should be greater than or equal to 4"),
        ("  test_share: 0.2", "  test_share: 1.5", r"split.test_share = 1.5: input should be less than 0.9"),
        ("  - A\n", "  - D\n", r"train.grades.0 = 'D': input should be 'A', 'B' or 'C'"),
        ("  strategy: evidence", "  strategy: brave", r"cull.strategy = 'brave'"),
        ("    layer4: 1.0", "    layer4: .inf", r"dream.layers.layer4 = inf: input should be"),
        ("    layer4: 1.0", "    layer4: 1.0e+300", r"dream.layers.layer4 = 1e\+300: input should be less than"),
        ("seed: 2019", "sed: 2019", r"seed is missing[\s\S]*sed is no parameter: did you mean seed\?"),
        ("seed: 2019", "seed: -1", r"seed = -1: input should be greater than or equal to 0"),
        ("seed: 2019", "seed: [", r"is not YAML"),
    ],
)
def test_faults_are_named(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=complaint):
        loaded(tmp_path, old, new)


def test_the_line_is_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(ParameterError) as caught:
        loaded(tmp_path, "  depth: 18", "  depth: 20")
    number = int(str(caught.value).split("line ")[1].split(":")[0])
    assert TEXT.splitlines()[number - 1].startswith("  depth: 18")


def test_floats_as_dvc_writes_them_are_numbers(tmp_path: Path) -> None:
    assert loaded(tmp_path, "learning_rate: 2.0e-3", "learning_rate: 8e-05").train.learning_rate == 8e-05


def test_whole_numbers_are_floats_where_floats_are_meant(tmp_path: Path) -> None:
    assert loaded(tmp_path, "weight_decay: 0.05", "weight_decay: 0").train.weight_decay == 0


def test_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"holds dvc\.yaml"):
        load_params(tmp_path / "params.yaml")


def test_parameters_are_frozen(params: Params) -> None:
    with pytest.raises(ValidationError):
        params.train.epochs = 3  # type: ignore[misc]
