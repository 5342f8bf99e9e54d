"""The judge of class dreams: a network of another seed that has learnt from other images than the dreaming one.

A dream that only fools the network it was made with says nothing; one that a stranger recognises shows the class.
"""

from typing import Literal

import pandas as pd

from nightmare.params import Params, overridden

__all__ = ["judge_params", "one_fold_watched", "sides_swapped"]


def judge_params(params: Params) -> Params:
    """`params` for the judge: another seed, first weights that no image of the project has formed, and no adversary.

    It keeps the last epoch's weights: the best would be chosen on images that the dreaming network has learnt from.
    """
    pretrained: Literal[False] | str = "imagenet" if params.judge.network == "efficientnet" else False
    judging = overridden(params, params.judge, seed=params.seed + 1, pretrained=pretrained)
    plain = judging.train.adversarial.model_copy(update={"epsilon": 0.0})
    train = judging.train.model_copy(update={"select": "last", "adversarial": plain})
    return judging.model_copy(update={"train": train})


def sides_swapped(split: pd.DataFrame) -> pd.DataFrame:
    """The split for a judge: it learns from the validation and test rows and is watched on the training rows.

    Groups of near-duplicates lie on one side, so it has not seen the duplicates of the others' images either. What it
    says goes into no model of the pipeline. Whoever chooses settings by it lets the test side speak, at second hand.
    """
    return split.assign(side=split["side"].map({"train": "val", "val": "train", "test": "train"}), keep=True)


def one_fold_watched(split: pd.DataFrame) -> pd.DataFrame:
    """The rows without most of the validation side: of the many images that a judge does not know, one fold will do."""
    watched = split["side"] == "val"
    return split[~watched | (split["fold"] == split.loc[watched, "fold"].min())]
