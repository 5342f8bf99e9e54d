"""The training loop: it learns, it resumes with the same weights, its samples are what the parameters say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from narrow import NarrowResNet, build_narrow
from safetensors.torch import save_file

from nightmare.cache import cache_root
from nightmare.data.arrays import Arrays
from nightmare.errors import InputError
from nightmare.params import AdversarialParams, ModelParams, TrainParams
from nightmare.train import checkpoint, loop
from nightmare.train.loop import Trained, predict, train_network
from nightmare.train.network import EFFICIENTNET, build_network

CLASSES = ("bars", "disc")


@pytest.fixture
def run(
    tiny_split: pd.DataFrame,
    tiny_arrays: Arrays,
    tiny_model: ModelParams,
    tiny_train: TrainParams,
    tiny_canvases: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    monkeypatch.setattr(loop, "build_network", build_narrow)

    def train(
        split: pd.DataFrame = tiny_split,
        arrays: Arrays = tiny_arrays,
        canvases: torch.Tensor = tiny_canvases,
        seed: int = 1,
        pretrained: Path | None = None,
        network: str = "resnet",
        **changes: Any,
    ) -> Trained:
        return train_network(
            split,
            arrays,
            classes=CLASSES,
            model=tiny_model.model_copy(
                update={"pretrained": str(pretrained) if pretrained else False, "network": network}
            ),
            train=tiny_train.model_copy(update=changes),
            seed=seed,
            name="test",
            canvases=canvases,
        )

    return train


def test_a_loss_that_runs_away_ends_the_training_and_says_what_to_do(run: Any) -> None:
    with pytest.raises(
        InputError, match=r"test: the loss is no number any more in epoch \d of 4: lower the learning rate"
    ):
        run(epochs=4, optimizer="sgd", learning_rate=1e30)


def test_it_learns_and_predicts_in_the_order_asked(run: Any, tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    trained = run(epochs=12)
    test = tiny_split[tiny_split["side"] == "test"]
    probability = predict(trained.network, tiny_arrays, test["id"])
    assert probability.shape == (8, 2)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert (np.array(CLASSES)[probability.argmax(axis=1)] == test["label"]).mean() >= 0.875
    backwards = predict(trained.network, tiny_arrays, test["id"][::-1])
    np.testing.assert_allclose(backwards[::-1], probability, atol=1e-5)
    assert list(trained.history["epoch"]) == list(range(1, 13))


def test_a_mirrored_picture_is_the_same_to_it(run: Any, tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    network = run().network
    mirrored = replace(tiny_arrays, rgba=tiny_arrays.rgba[..., ::-1].copy())
    ids = tiny_split["id"]
    np.testing.assert_allclose(predict(network, mirrored, ids), predict(network, tiny_arrays, ids), atol=1e-6)


@pytest.mark.parametrize("mixed", [True, False])
def test_it_learns_in_either_precision(run: Any, mixed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_gains_by_bfloat16", lambda network, device: mixed)
    trained = run(epochs=6)
    assert trained.history["train_loss"].iloc[-1] < trained.history["train_loss"].iloc[0] - 0.1
    assert {weight.dtype for weight in trained.network.parameters()} == {torch.float32}


@pytest.mark.parametrize(("architecture", "gains"), [("resnet18", True), (EFFICIENTNET, False)])
def test_single_channels_are_not_multiplied_in_bfloat16(
    architecture: str, gains: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    types = []
    network = build_network(architecture, len(CLASSES))
    network.fc.register_forward_hook(lambda layer, given, logits: types.append(logits.dtype))
    assert loop._logits(network, torch.rand(2, 3, 32, 32)).dtype == torch.float32
    assert types == [torch.bfloat16 if gains else torch.float32]


AGAINST_AN_ADVERSARY = {"averaging": 0.9, "adversarial": AdversarialParams(norm="l2", epsilon=1.0, steps=1)}


@pytest.mark.parametrize(
    "changes",
    [{"snapshots": 1}, AGAINST_AN_ADVERSARY, {"network": "efficientnet", **AGAINST_AN_ADVERSARY}],
    ids=["plain", "robust", "robust efficientnet"],
)
def test_resumed_training_ends_with_the_same_weights(
    run: Any, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = run(epochs=4, select="val_loss", **changes)
    monkeypatch.setenv("NIGHTMARE_CACHE", str(tmp_path))
    monkeypatch.setattr(loop, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    steps, real = [], loop._step

    def dying(*arguments: Any) -> float:
        steps.append(1)
        if len(steps) == 8:  # in the third epoch: three batches an epoch
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "_step", dying)
    with pytest.raises(KeyboardInterrupt):
        run(epochs=4, select="val_loss", **changes)
    resumed = run(epochs=4, select="val_loss", **changes)
    assert len(steps) == 8 + 6, "the two finished epochs are not trained again"
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    pd.testing.assert_frame_equal(whole.history, resumed.history)
    assert whole.epoch == resumed.epoch
    # Of the two epochs before the stop, too.
    for (number, one), (same, other) in zip(whole.earlier(), resumed.earlier(), strict=True):
        assert number == same
        for ours, theirs in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(ours, theirs), number


def test_short_epochs_do_not_fill_the_disk(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[list[str]] = []
    monkeypatch.setattr(loop, "save_checkpoint", lambda path, state: saved.append([len(state["history"]), *state]))
    run(epochs=5)
    always = ["history", "selected"]
    first = [1, *always, "network", "optimizer"]
    assert saved == [first, [5, *always]], "the first, and of the last only what a reader needs"


def test_finished_training_is_not_run_again(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run()
    monkeypatch.setattr(loop, "_step", lambda *arguments: pytest.fail("trained again"))
    again = run()
    assert torch.equal(first.network.fc.weight, again.network.fc.weight)


def test_damaged_checkpoint_starts_again(run: Any) -> None:
    first = run()
    (checkpoint,) = cache_root().glob("test-*/checkpoint.pt")
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert torch.equal(first.network.fc.weight, run().network.fc.weight)


@pytest.mark.parametrize("change", [{"epochs": 3}, {"learning_rate": 5e-4}, AGAINST_AN_ADVERSARY])
def test_other_parameters_have_another_checkpoint(run: Any, change: dict[str, Any]) -> None:
    run()
    run(**change)
    assert len(list(cache_root().glob("test-*"))) == 2


def no_step(*arguments: object) -> float:
    return 0.0


def saved_weights(path: Path, *, seed: int) -> dict[str, torch.Tensor]:
    """Random weights, which are then also the content of the file at `path`."""
    torch.manual_seed(seed)
    weights = NarrowResNet(len(CLASSES)).state_dict()
    save_file(weights, path)
    return weights


def test_other_pictures_photos_and_first_weights_have_another_checkpoint(
    run: Any, tiny_arrays: Arrays, tiny_canvases: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_step", no_step)
    run()
    run(arrays=replace(tiny_arrays, rgba=255 - tiny_arrays.rgba))
    run(canvases=1 - tiny_canvases)
    for seed in (0, 1):
        saved_weights(tmp_path / "first.safetensors", seed=seed)
        run(pretrained=tmp_path / "first.safetensors")
    assert len(list(cache_root().glob("test-*"))) == 5


def test_another_program_has_another_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "__file__", str(tmp_path / "checkpoint.py"))
    paths = []
    for program in ("this", "another", "this"):
        (tmp_path / "loop.py").write_text(program)
        paths.append(checkpoint.checkpoint_path("test", {}))
    assert paths[0] == paths[2] != paths[1]


def test_training_starts_from_the_weights_of_a_file(run: Any, tmp_path: Path) -> None:
    first = saved_weights(tmp_path / "first.safetensors", seed=7)
    network = run(pretrained=tmp_path / "first.safetensors", epochs=1, learning_rate=1e-6).network
    for name, weight in network.named_parameters():
        torch.testing.assert_close(weight, first[name], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("first_pixels", 32, 16),
        ("batch", 8, 16),
        ("learning_rate", 1e-3, 2e-3),
        ("schedule", "multistep", "constant"),
        ("optimizer", "adamw", "sgd"),
        ("weight_decay", 0.0, 0.5),
        ("label_smoothing", 0.0, 0.1),
        ("balance", 0.0, 1.0),
        ("color_jitter", 0.0, 0.5),
    ],
)
def test_every_parameter_moves_the_weights(
    name: str, one: object, other: object, run: Any, tiny_split: pd.DataFrame
) -> None:
    unequal = tiny_split.drop(index=range(0, 24, 4))  # half the discs to learn from
    first, second = (run(split=unequal, epochs=1, **{name: value}).network.fc.weight for value in (one, other))
    assert not torch.equal(first, second)


def test_only_what_multiplies_decays(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def level(network: torch.nn.Module, optimizer: torch.optim.Optimizer, *others: object) -> float:
        (0 * sum(weight.sum() for weight in network.parameters())).backward()
        optimizer.step()
        return 0.0

    monkeypatch.setattr(loop, "_step", level)
    first = saved_weights(tmp_path / "first.safetensors", seed=7)
    decay = {"epochs": 1, "schedule": "constant", "learning_rate": 0.1, "weight_decay": 0.5}
    for name, weight in run(pretrained=tmp_path / "first.safetensors", **decay).network.named_parameters():
        left = (1 - 0.1 * 0.5) ** 3 if weight.ndim > 1 else 1  # after three batches
        torch.testing.assert_close(weight.detach(), left * first[name], msg=name)


def test_every_step_has_the_rate_of_the_schedule(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []

    def measuring(network: object, optimizer: torch.optim.Optimizer, *others: object) -> float:
        rates.append({group["lr"] for group in optimizer.param_groups})
        return 0.0

    monkeypatch.setattr(loop, "_step", measuring)
    run(epochs=4, schedule="multistep", learning_rate=0.5)
    assert rates == [{0.5}] * 6 + [{0.05}] * 3 + [{0.005}] * 3, "three batches an epoch"


def test_pictures_grow_to_the_full_side_for_the_last_third(
    run: Any, tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = []

    def measuring(network: object, optimizer: object, images: torch.Tensor, *others: object) -> float:
        sides.append(tuple(images.shape[2:]))
        return 0.0

    monkeypatch.setattr(loop, "_step", measuring)
    run(arrays=replace(tiny_arrays, rgba=tiny_arrays.rgba.repeat(2, axis=2).repeat(2, axis=3)), epochs=9)
    assert sides[::3] == sides[1::3] == sides[2::3], "three batches an epoch, of one size"
    assert sides[::3] == [(side, side) for side in (32, 40, 40, 48, 56, 56, 64, 64, 64)]


def test_seed_and_rows_decide(run: Any, tiny_split: pd.DataFrame) -> None:
    weights = run().network.fc.weight
    assert not torch.equal(weights, run(seed=2).network.fc.weight)
    shuffled = tiny_split.sample(frac=1, random_state=0)
    fewer = tiny_split[~((tiny_split["side"] == "train") & (tiny_split["label"] == "disc")).cumsum().eq(1)]
    assert not torch.equal(weights, run(split=fewer).network.fc.weight)
    assert torch.equal(weights, run(split=shuffled).network.fc.weight), "the order of rows is no input"


def test_selected_epoch_is_the_best_one(run: Any) -> None:
    trained = run(epochs=4, select="val_loss")
    assert trained.epoch == int(trained.history.loc[trained.history["val_loss"].idxmin(), "epoch"])
    trained = run(epochs=4, select="val_accuracy")
    assert trained.epoch == int(trained.history.loc[trained.history["val_accuracy"].idxmax(), "epoch"])


def test_grades_narrow_the_training_side_alone(run: Any, tiny_split: pd.DataFrame) -> None:
    graded = tiny_split.assign(grade=np.where(tiny_split["label"] == "disc", "A", "C"))
    with pytest.raises(InputError, match="no training image of bars with grade A"):
        run(split=graded, grades=["A"])

    graded = tiny_split.assign(grade=np.where(np.arange(len(tiny_split)) % 3, "A", "C"))
    learnt_from = graded[(graded["side"] != "train") | (graded["grade"] == "A")]
    narrowed, taken, all_of_it = run(split=graded, grades=["A"]), run(split=learnt_from), run(split=graded)
    assert narrowed.history.equals(taken.history)
    assert not narrowed.history.equals(all_of_it.history)


def test_snapshots_are_the_network_as_it_was(run: Any, tiny_arrays: Arrays, tiny_split: pd.DataFrame) -> None:
    trained = run(epochs=5, snapshots=2)
    earlier = dict(trained.earlier())
    assert list(earlier) == [2, 4]
    watched = tiny_split[tiny_split["side"] == "val"]
    truth = [CLASSES.index(label) for label in watched["label"]]
    for epoch, network in earlier.items():
        likelihood = predict(network, tiny_arrays, watched["id"])[np.arange(len(truth)), truth]
        assert -np.log(likelihood).mean() == pytest.approx(trained.history["val_loss"][epoch - 1])
    assert not list(run(epochs=5).earlier())
    trained.snapshots[2].write_bytes(b"")
    with pytest.raises(InputError, match=r"epoch-0002\.pt is absent or damaged: remove .* and train again"):
        next(trained.earlier())


@pytest.mark.parametrize("full", [64, 84, 100])
def test_pictures_grow_to_their_full_side(full: int) -> None:
    sides = [loop._pixels_of(epoch / 12, 48, full) for epoch in range(12)]
    assert sides[0] == 48
    assert sides == sorted(sides)
    assert all(side % 8 == 0 for side in sides[:7])
    assert set(sides[8:]) == {full}
    assert loop._pixels_of(0.0, full, full) == full, "turned off"


def test_multistep_and_sgd_learn(run: Any) -> None:
    losses = run(epochs=8, schedule="multistep", optimizer="sgd", learning_rate=1e-3).history["train_loss"]
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]


def test_culled_images_are_not_learnt_and_steps_stay_as_many(
    run: Any, tiny_split: pd.DataFrame, tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    culled = tiny_split.assign(keep=np.arange(40) % 4 > 0)
    trained = run(split=culled)
    noise = tiny_arrays.rgba.copy()
    noise[::4][:6] = 255 - noise[::4][:6]  # the culled ones of the training side
    assert torch.equal(
        run(split=culled, arrays=replace(tiny_arrays, rgba=noise)).network.fc.weight, trained.network.fc.weight
    )
    steps: list[int] = []
    monkeypatch.setattr(loop, "_step", lambda *given: steps.append(1) or no_step(*given))
    few = tiny_split.assign(keep=np.arange(40) % 4 > 1)
    run(split=few, epochs=3)
    assert len(steps) == 9, "three batches of 8 an epoch, as without culling, though 12 are left"


def test_validation_is_watched_whole_whatever_culling_kept(run: Any, tiny_split: pd.DataFrame) -> None:
    culled = tiny_split.assign(keep=(tiny_split["side"] != "val") | (tiny_split["label"] == "disc"))
    pd.testing.assert_frame_equal(run(split=culled).history, run().history)


def test_another_culling_has_another_checkpoint(run: Any, tiny_split: pd.DataFrame) -> None:
    for number in (3, 4):
        run(split=tiny_split.assign(keep=np.arange(40) % number > 0))
    assert len(list(cache_root().glob("test-*"))) == 2


def test_a_class_must_keep_something_to_learn_from(run: Any, tiny_split: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"no training image of disc is kept: lower cull\.class_cap"):
        run(split=tiny_split.assign(keep=tiny_split["label"] == "bars"))


def test_the_average_moves_slowly_and_is_what_is_kept(run: Any) -> None:
    last = run(epochs=2, averaging=0.0).network.state_dict()
    first = run(epochs=2, averaging=0.0, learning_rate=1e-9).network.state_dict()
    averaged = run(epochs=2, averaging=0.9).network.state_dict()
    weight = "layer4.1.conv2.weight"
    moved = float((last[weight] - first[weight]).norm())
    assert 0.1 * moved < float((averaged[weight] - first[weight]).norm()) < 0.9 * moved
    assert not torch.equal(averaged["bn1.running_mean"], last["bn1.running_mean"])
