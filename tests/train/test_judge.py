"""The judge learns from what no other network learnt from."""

import pandas as pd

from nightmare.params import Params, overridden
from nightmare.train.judge import judge_params, sides_swapped


def test_the_judge_learns_from_no_row_of_the_training_side(tiny_split: pd.DataFrame) -> None:
    swapped = sides_swapped(tiny_split.assign(keep=False))
    learnt_by_others = set(tiny_split.loc[tiny_split["side"] == "train", "id"])
    learnt = set(swapped.loc[swapped["side"] == "train", "id"])
    assert learnt == set(tiny_split["id"]) - learnt_by_others
    assert set(swapped.loc[swapped["side"] == "val", "id"]) == learnt_by_others
    assert swapped["keep"].all(), "culling was the work of networks that the judge is to be free of"


def test_a_section_overrides_what_it_names_and_nothing_else(params: Params) -> None:
    changed = overridden(params, params.robust, seed=5, pretrained="weights.pt")
    assert changed.seed == 5
    assert changed.model.pretrained == "weights.pt"
    assert changed.train.epochs == params.robust.epochs
    assert changed.train.adversarial == params.robust.adversarial
    assert changed.train.batch == params.train.batch
    assert (changed.model.network, changed.model.pixels) == (params.robust.network, params.robust.pixels)
    assert changed.train.first_pixels == params.robust.pixels, "it sees already"
    unseeing = overridden(params, params.judge, pretrained=False)
    assert unseeing.seed == params.seed
    assert unseeing.train.first_pixels == params.train.first_pixels
    assert unseeing.train.adversarial == params.train.adversarial


def test_the_judge_begins_with_nothing_that_another_network_has_learnt(params: Params) -> None:
    own = params.model.model_copy(update={"pretrained": "models/train/model.safetensors"})
    params = params.model_copy(update={"model": own})
    for network, first_weights in (("efficientnet", "imagenet"), ("resnet", False)):
        judge = params.judge.model_copy(update={"network": network})
        judging = judge_params(params.model_copy(update={"judge": judge}))
        assert (judging.model.network, judging.model.pretrained) == (network, first_weights)
        assert judging.seed != params.seed


def test_neither_an_adversary_nor_what_the_dreaming_network_has_learnt_forms_the_judge(params: Params) -> None:
    attacked = params.train.adversarial.model_copy(update={"epsilon": 2.0})
    train = params.train.model_copy(update={"select": "val_loss", "adversarial": attacked})
    judging = judge_params(params.model_copy(update={"train": train}))
    assert judging.train.select == "last"
    assert judging.train.adversarial.epsilon == 0
    assert judging.train.batch == params.train.batch
    assert judging.train.epochs == params.judge.epochs
