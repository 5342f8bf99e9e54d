"""The benchmark of learning compares what it says: possible trainings of equal time, by figures that are right."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML
from torch import Tensor, nn

from benchmarks import learning
from benchmarks.learning import accuracy_table, dominance, sheet_file, what_is_luck
from benchmarks.noise import PHOTO_CLASSES
from benchmarks.variants import Variant, accuracy_variants, dream_variants
from nightmare.cull.features import PIXELS
from nightmare.data.arrays import Arrays
from nightmare.dream.recognition import Recognition, recognition
from nightmare.params import Params, RobustParams, overridden
from nightmare.train.judge import judge_params
from nightmare.train.model import Model, ModelCard, load_model
from nightmare.train.network import MEAN, STD, build_network

ROOT = Path(__file__).parents[1]


@pytest.fixture
def reckoned(params: Params) -> Params:
    """The pipeline's parameters, with the epochs and adversaries that these tests reckon with."""
    attack = {"norm": "linf", "epsilon": 6 / 255, "steps": 1}
    own = {"network": "efficientnet", "pixels": 128, "epochs": 9, "adversarial": attack}
    robust = RobustParams.model_validate({**params.robust.model_dump(), **own})
    return params.model_copy(update={"robust": robust})


@pytest.fixture
def variants(reckoned: Params) -> dict[str, Variant]:
    """Those of both questions, whose names may not meet beside the default: they stand in one folder."""
    of_accuracy, of_dreams = accuracy_variants(reckoned), dream_variants(reckoned)
    assert set(of_accuracy) & set(of_dreams) == {"default"}
    return {f"accuracy, {name}": Variant(varied) for name, varied in of_accuracy.items()} | of_dreams


def test_every_variant_is_a_training_that_params_yaml_allows(variants: dict[str, Variant]) -> None:
    for name, variant in variants.items():
        assert Params.model_validate(variant.params.model_dump()) == variant.params, name


def test_no_variant_stands_twice(variants: dict[str, Variant]) -> None:
    settings = [(variant.adversary.name, variant.params.model_dump_json()) for variant in variants.values()]
    assert len(set(settings)) == len(settings)
    files = [sheet_file(name) for name in variants]
    assert len(set(files)) == len(files)
    assert all(Path(file).name == file for file in files), "a slash would be a folder"


def test_the_first_variant_is_the_default(params: Params) -> None:
    assert next(iter(accuracy_variants(params).items())) == ("default", params)
    name, variant = next(iter(dream_variants(params).items()))
    assert (name, variant) == ("default", Variant(overridden(params, params.robust, pretrained="imagenet")))


def test_variants_differ_in_what_they_say(params: Params, reckoned: Params) -> None:
    five = params.model_copy(update={"train": params.train.model_copy(update={"epochs": 5})})
    assert accuracy_variants(five)["half the epochs"].train == params.train.model_copy(update={"epochs": 3})
    usual = accuracy_variants(params)["usual recipe"].train
    plain = (0, params.model.pixels, 0, 0)
    assert (usual.color_jitter, usual.first_pixels, usual.label_smoothing, usual.balance) == plain
    seeing = accuracy_variants(params)["efficientnet at 96, half the epochs"]
    assert (seeing.model.network, seeing.model.pixels, seeing.model.pretrained) == ("efficientnet", 96, "imagenet")
    assert (seeing.train.first_pixels, seeing.train.adversarial.epsilon) == (96, 0)
    fourth = dream_variants(reckoned)["resnet, linf 4/255"].params.train.adversarial
    assert (fourth.norm, fourth.epsilon) == ("linf", 4 / 255)


def test_variants_of_dreams_take_equal_time(reckoned: Params) -> None:
    # Nine epochs of 1.6 steps, each 8/3 of a ResNet's at 64 pixels (1.5 at 96), are 38.4 plain ones of that.
    assert {name: variant.params.train.epochs for name, variant in dream_variants(reckoned).items()} == {
        "default": 9,
        "last weights": 9,
        "efficientnet, plain": 14,
        "efficientnet, l2 1.0": 9,
        "efficientnet, l2 2.0": 9,
        "efficientnet, linf 4/255": 9,
        "efficientnet, linf 8/255": 9,
        "resnet, plain": 38,
        "resnet, plain, wild colours": 38,
        "resnet, plain, even classes": 38,
        "resnet, l2 0.5": 24,
        "resnet, l2 1.0": 24,
        "resnet, linf 4/255": 24,
        # Half of an adversary's 0.6 makes steps of 1.3, and a quarter steps of 1.15.
        "adversary: every other batch": 11,
        "adversary: half the side": 13,
        "adversary: network at rest": 9,
        "adversary: growing epsilon": 9,
    }


class Brightness(nn.Module):
    """Gives a picture class 0, 1 or 2 by how bright it is."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter((torch.tensor([0.1, 0.5, 0.9]) - sum(MEAN) / 3) / (sum(STD) / 3))

    def forward(self, images: Tensor) -> Tensor:
        return -(images.mean(dim=(1, 2, 3))[:, None] - self.centres).abs()


def test_dominance_is_the_share_of_the_class_seen_most_often() -> None:
    classes = ("dark", "grey", "bright")
    card = ModelCard(architecture="resnet18", classes=classes, pixels=8, mean=MEAN, std=STD, dataset="", parameters={})
    judge = Model(Brightness(), card, sha256="")  # type: ignore[arg-type]
    brightness = torch.tensor([[0.1, 0.9], [0.9, 0.9], [0.9, 0.9]])
    dreams = brightness[:, :, None, None, None].expand(-1, -1, 3, 8, 8)
    assert dominance(judge, dreams, classes) == pytest.approx(5 / 6)
    assert recognition(judge, dreams, classes).share == pytest.approx(3 / 6), "one dark, none grey, both bright"
    even = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])[:, :, None, None, None].expand(-1, -1, 3, 8, 8)
    assert dominance(judge, even, classes) == pytest.approx(1 / 3)


def test_darkening_is_that_of_each_dream_over_its_photo() -> None:
    photos = torch.tensor([0.6, 0.2])[:, None, None, None].expand(-1, 3, 8, 8)
    dreams = torch.tensor([[0.4, 0.2], [0.6, 0.0]])[:, :, None, None, None].expand(-1, -1, 3, 8, 8)
    assert learning._darkening(photos, dreams) == pytest.approx(-(0.2 + 0 + 0 + 0.2) / 4, abs=1e-2)


def test_variants_are_compared_to_the_first_and_to_the_luck_of_seeds() -> None:
    runs = pd.DataFrame(
        {
            "variant": ["default", "default", "balance 0", "balance 0"],
            "validation": [0.5, 0.5, 0.5, 0.5],
            "test": [0.5, 0.6, 0.7, 0.9],
            "minutes": [1.0, 2.0, 1.0, 1.0],
        }
    )
    first, second = accuracy_table(runs)
    assert (first["variant"], second["variant"]) == ("default", "balance 0")
    assert [first["test"], second["test"]] == pytest.approx([0.55, 0.8])
    assert [first["test, difference"], second["test, difference"]] == pytest.approx([0, 0.25])
    assert [first["test, spread"], second["test, spread"]] == pytest.approx([0.005**0.5, 0.02**0.5])
    assert first["minutes"] == 1.5
    # The mean variance is 0.0125, that of a difference of two means of two as large; tables of Student's distribution
    # have 4.303 for two degrees of freedom.
    assert what_is_luck(runs, "test") == pytest.approx(4.303 * 0.0125**0.5, rel=1e-3)
    assert what_is_luck(runs, "validation") == 0


def test_of_photographs_the_judge_learns_what_the_start_does_not(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, label in enumerate((*PHOTO_CLASSES, "landscapes")):
        (tmp_path / label).mkdir()
        for photo in range(10):
            pixels = np.random.default_rng(100 * number + photo).integers(0, 256, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{photo}.png")
    taught: list[tuple[Params, pd.DataFrame, Arrays]] = []

    def learnt(params: Params, split: pd.DataFrame, arrays: Arrays) -> tuple[nn.Module, dict[str, float]]:
        taught.append((params, split, arrays))
        return build_network("resnet18", 5), {"validation": 0.25}

    monkeypatch.setattr(learning, "learnt", learnt)
    monkeypatch.setattr(learning, "feature_judge", lambda split, arrays, classes: (arrays.rgba.shape[-1], 0.5))
    subject = learning.photographs(params, tmp_path, out=tmp_path / "sheets")
    (of_start, split, arrays), (of_judge, swapped, _), (of_other, also_swapped, _) = taught
    assert of_start == params
    assert of_judge == judge_params(params)
    assert (of_other.model.network, of_other.model.pretrained, of_other.seed) == ("resnet", False, params.seed + 1)
    assert also_swapped.equals(swapped)
    assert arrays.rgba.shape == (60, 4, params.model.pixels, params.model.pixels)
    assert subject.arrays(96).rgba.shape == (60, 4, 96, 96)
    learning_from = set(swapped.loc[swapped["side"] == "train", "id"])
    assert learning_from == set(split.loc[split["side"] != "train", "id"])
    assert load_model(subject.start).card.classes == PHOTO_CLASSES
    assert set(subject.judges) == {"efficientnet", "resnet"}
    for judge, known in subject.judges.values():
        assert known == 0.25
        assert judge.card.classes == PHOTO_CLASSES
        assert not any(weight.requires_grad for weight in judge.network.parameters())
    assert subject.by_features == (PIXELS, 0.5), "features see photographs at the size that culling does"


def test_a_judge_which_has_no_test_side_is_scored_on_what_it_has(
    params: Params, tiny_split: pd.DataFrame, tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = pd.DataFrame({"side": ["val"] * 4, "label": ["bars", "bars", "disc", "disc"], "predicted": "bars"})
    monkeypatch.setattr(learning, "trained_and_tested", lambda *given, **named: (build_network("resnet18", 2), said))
    _, figures = learning.learnt(params, tiny_split, tiny_arrays)
    assert figures["validation"] == 0.5
    assert set(figures) == {"validation", "minutes"}


def test_minutes_are_those_of_the_training_alone(
    params: Params, tiny_split: pd.DataFrame, tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    said = pd.DataFrame({"side": ["val"], "label": ["bars"], "predicted": ["bars"]})

    def trained(*given: object, **named: object) -> tuple[nn.Module, pd.DataFrame]:
        clock[0] += 120
        if clock[0] == 120:
            raise KeyboardInterrupt
        return build_network("resnet18", 2), said

    monkeypatch.setattr(learning, "trained_and_tested", trained)
    monkeypatch.setattr(learning.time, "monotonic", lambda: clock[0])
    with pytest.raises(KeyboardInterrupt):
        learning.learnt(params, tiny_split, tiny_arrays)
    assert learning.learnt(params, tiny_split, tiny_arrays)[1]["minutes"] == 4, "before and after the stop"
    assert learning.learnt(params, tiny_split, tiny_arrays)[1]["minutes"] == 4, "it is finished, and only read"


def test_dreams_are_judged_by_those_who_learnt_other_images(
    params: Params, tiny_split: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    card = ModelCard(
        architecture="resnet18", classes=("bars", "disc"), pixels=32, mean=MEAN, std=STD, dataset="", parameters={}
    )
    judges = {name: Model(build_network("resnet18", 2), card, sha256="") for name in ("efficientnet", "resnet")}
    shares = {id(judges["efficientnet"]): 0.25, id(judges["resnet"]): 0.5}
    network = build_network("resnet18", 2)
    rows: list[dict[str, object]] = []
    fakes: dict[str, object] = {
        "learnt": lambda *given: (network, {"validation": 0.3, "test": 0.2, "minutes": 1.0}),
        "load_canvases": lambda *given, **named: [],
        "starting_points": lambda *given, **named: (torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)),
        "portraits": lambda model, squares, recipe: squares.expand(2, 1, 3, 32, 32),
        # What the network would say of its own dreams is not among the shares, and an error.
        "recognition": lambda judge, dreams, classes: Recognition(
            shares[id(judge)], dict.fromkeys(classes, shares[id(judge)]), n=4
        ),
        "append_history": lambda some, name: rows.extend(some),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(learning, name, fake)
    by_features = type("Judge", (), {"recognised": lambda self, dreams: 0.75})()
    subject = learning.Subject(
        tiny_split,
        lambda pixels: None,
        tmp_path,
        {name: (judge, 0.4) for name, judge in judges.items()},
        (by_features, 0.4),
    )
    learning.ask_for_dreams({"some": Variant(params)}, subject, count=1, out=tmp_path, history="none")
    (row,) = rows
    assert [row[f"by {name}"] for name in ("efficientnet", "resnet", "features")] == [0.25, 0.5, 0.75]
    assert (row["variant"], row["n"], row["test"]) == ("some", 4, 0.2)
    assert row["fine"] == 0, "each portrait beside the square that it began with, of which it changed nothing"
    assert (tmp_path / "some.png").exists()


def test_the_hour_of_training_can_be_run() -> None:
    section = (ROOT / "docs/experiments.md").read_text(encoding="utf-8").split("## An hour of training")[1]
    command = section.split("```console")[1].split("```")[0]
    overrides = re.findall(r"-S (\S+)=(\S+)", command)
    tree = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for name, value in overrides:
        *sections, last = name.split(".")
        part = tree
        for inner in sections:
            part = part[inner]
        assert part[last] != int(value)
        part[last] = int(value)
    Params.model_validate(tree)
    assert len(overrides) > 1
