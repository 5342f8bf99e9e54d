"""The pipeline's pictures, networks trained as stage train trains them, and what these say of pictures held back."""

from pathlib import Path

import pandas as pd

from nightmare.data.arrays import Arrays, load_arrays
from nightmare.params import Params
from nightmare.tables import IMAGES, SPLIT, classes_of, read_table
from nightmare.train.backgrounds import background_canvases
from nightmare.train.evaluate import prediction_table
from nightmare.train.loop import predict, train_network
from nightmare.train.network import Network

__all__ = ["SHARDS", "pictures_of", "trained_and_tested"]

SHARDS = Path("data/images")


def pictures_of(table: str, *, pixels: int) -> tuple[pd.DataFrame, Arrays]:
    """The split in the file `table`, and its pictures as squares of `pixels`."""
    split, images = read_table(table, SPLIT), read_table("data/images.csv", IMAGES)
    return split, load_arrays(images[images["id"].isin(split["id"])], SHARDS, pixels=pixels)


def trained_and_tested(
    params: Params, split: pd.DataFrame, arrays: Arrays, *, seed: int, name: str
) -> tuple[Network, pd.DataFrame]:
    """The network that learnt from the kept training rows of `split`, and its predictions of the other two sides."""
    classes = classes_of(split)
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
