"""A network trained as stage train trains one, and what it says of the images that it did not learn from."""

import pandas as pd
from torchvision.models import ResNet

from nightmare.data.arrays import Arrays
from nightmare.params import Params
from nightmare.train.backgrounds import background_canvases
from nightmare.train.evaluate import prediction_table
from nightmare.train.loop import predict, train_network

__all__ = ["trained_and_tested"]


def trained_and_tested(
    params: Params, split: pd.DataFrame, arrays: Arrays, *, seed: int, name: str
) -> tuple[ResNet, pd.DataFrame]:
    """The network that learnt from the kept training rows of `split`, and its predictions of the other two sides."""
    classes = tuple(sorted(split["label"].unique()))
    trained = train_network(
        split,
        arrays,
        classes=classes,
        model=params.model,
        train=params.train,
        seed=seed,
        name=name,
        canvases=background_canvases(params.model.pixels),
    )
    judged = split[split["side"] != "train"]
    return trained.network, prediction_table(judged, predict(trained.network, arrays, judged["id"]), classes)
