"""The model file: what is written comes back, what does not fit is refused by name."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from nightmare.errors import ModelError
from nightmare.params import Params
from nightmare.train.model import load_model, model_card, save_model
from nightmare.train.network import build_network


@pytest.fixture
def saved(tmp_path: Path, params: Params, tiny_split: pd.DataFrame) -> Path:
    small = params.model_copy(update={"model": params.model.model_copy(update={"depth": 18})})
    save_model(tmp_path, build_network("resnet18", 2), model_card(small, tiny_split))
    return tmp_path


def test_round_trip(saved: Path, params: Params) -> None:
    model = load_model(saved)
    assert model.card.classes == ("bars", "disc")
    assert model.card.parameters["train"]["epochs"] == params.train.epochs
    assert not model.network.training
    assert not any(weight.requires_grad for weight in model.network.parameters())
    again = load_model(saved)
    assert again.sha256 == model.sha256
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(model.network(image), again.network(image))


def test_card_knows_the_rows_it_was_trained_on(params: Params, tiny_split: pd.DataFrame) -> None:
    card = model_card(params, tiny_split)
    assert card.dataset == model_card(params, tiny_split.sample(frac=1, random_state=1)).dataset
    fewer = tiny_split.assign(keep=tiny_split.index > 0)
    assert card.dataset != model_card(params, fewer).dataset
    other_test_side = tiny_split.assign(keep=tiny_split["side"] != "test")
    assert card.dataset == model_card(params, other_test_side).dataset


def test_absent_model_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run `dvc repro`"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"architecture": "resnet34"}, "does not fit its card"),
        ({"architecture": "resnet7"}, "names 'resnet7'"),
        ({"classes": ["bars"]}, "is damaged"),
        ({"classes": ["a", "b", "c"]}, "does not fit its card"),
        ({"surprise": 1}, "is damaged"),
        ({"std": [1.0, 1.0, 1.0]}, "another normalisation"),
    ],
)
def test_card_that_does_not_fit_is_refused(change: dict[str, object], complaint: str, saved: Path) -> None:
    path = saved / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelError, match=complaint):
        load_model(saved)


def test_damaged_weights_are_refused(saved: Path) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load_model(saved)
