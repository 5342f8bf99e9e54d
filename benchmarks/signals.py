"""What else might tell faulty labels: `python -m benchmarks.signals`, after `make repro` (40 minutes on a core).

Known faults are put into clean drawings, as by `benchmarks.culling --noise`. Each signal puts the drawings in an order,
whose average precision for the faults is printed; chance is the share of faults. Then each is added to the log-odds of
`evidence`, a tenth of a standard deviation for each of its own, to see whether it knows what evidence does not.
"""

import argparse
import shutil
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from sklearn.neighbors import NearestNeighbors

from benchmarks.culling import SEEDS
from benchmarks.known_faults import small_training
from benchmarks.noise import Noised, clean_glyphs, inject, pool_of, smaller
from benchmarks.timing import append_history, machine, print_table
from nightmare.cull.crossval import cross_validate
from nightmare.cull.features import features_of, seen_by_network
from nightmare.cull.strategies import facts_of
from nightmare.data.arrays import Arrays
from nightmare.params import Params, load_params
from nightmare.seeds import derived_seed
from nightmare.tables import FAULTS, classes_of
from nightmare.train.backgrounds import background_canvases
from nightmare.train.loop import predict, train_network

ROWS = [("symmetric", 0.05), ("symmetric", 0.2), ("asymmetric", 0.2), ("off-class", 0.2)]
NEIGHBOURS = 10
ADDED = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--epochs", type=int, default=12, help="of the network whose margins are watched")
    wishes = parser.parse_args()
    print(machine())
    params = small_training(load_params(), pixels=32, epochs=wishes.epochs)
    runs = []
    for seed in wishes.seeds:
        clean = clean_glyphs(seed=seed)
        features = _features(clean.arrays, pool_of(clean.split))
        for kind, share in ROWS:
            noised = inject(clean, kind, share, seed=seed)
            pool = pool_of(noised.split)
            # Strangers are other pictures, the others are the same under other labels.
            known = features if noised.arrays is clean.arrays else _features(noised.arrays, pool)
            signals = {
                **signals_of(pool, known, params=params, seed=seed),
                "area under the margin": area_under_margin(noised, params=params, seed=seed),
            }
            faulty = pool["id"].isin(noised.faulty).to_numpy()
            row = {"noise": f"{kind} {share}", "faulty": float(faulty.mean()), **ranked(signals, faulty)}
            print_table([row], title=f"seed {seed}")
            runs.append(row)
    rows = pd.DataFrame(runs).groupby("noise", sort=False).mean().reset_index().to_dict("records")
    seeds = " ".join(map(str, wishes.seeds))
    print_table(rows, title=f"Average precision, means of seeds {seeds}")
    append_history([{**row, "seeds": seeds} for row in rows], name="culling-signals")


def signals_of(
    pool: pd.DataFrame, features: NDArray[np.float64], *, params: Params, seed: int
) -> dict[str, NDArray[np.float64]]:
    """What judges the labels of `pool` (n) by `features` (n, d) without having seen them, each (n), more for doubt.

    `evidence`: log-odds of a wrong label. `margin`: of the calibrated out-of-fold probabilities. `disagreement`: the
    deviation of that margin between partitions into folds. `neighbours`: the share of the nearest images, but for
    near-duplicates, that are labelled otherwise.
    """
    classes = classes_of(pool)
    no_faults = np.zeros((len(pool), len(FAULTS)))

    def judged(repeats: int, seed: int) -> pd.DataFrame:
        crossval = params.crossval.model_copy(update={"repeats": repeats})
        return facts_of(
            cross_validate(pool, features, no_faults, classes=classes, crossval=crossval, seed=seed), classes
        )

    facts = judged(params.crossval.repeats, seed)
    partitions = [judged(1, derived_seed(seed, "partition", number)) for number in range(params.crossval.repeats)]
    wrong = facts["wrong"].to_numpy().clip(1e-9, 1 - 1e-9)
    return {
        "evidence": np.log(wrong / (1 - wrong)),
        "margin": -facts["margin"].to_numpy(),
        "disagreement": np.std([facts["margin"] for facts in partitions], axis=0),
        "neighbours": strange_neighbours(features, pool["label"].to_numpy(), pool["group"].to_numpy()),
    }


def strange_neighbours(
    features: NDArray[np.float64], labels: NDArray[np.str_], groups: NDArray[np.str_]
) -> NDArray[np.float64]:
    """The share of other labels (n) among the `NEIGHBOURS` rows of `features` (n, d) nearest to each.

    Its near-duplicates, which `groups` (n) tell, are no neighbours.
    """
    # As many more as the largest group can take up.
    most = int(np.unique(groups, return_counts=True)[1].max())
    count = min(NEIGHBOURS + most, len(features))
    nearest = NearestNeighbors(n_neighbors=count).fit(features).kneighbors(features, return_distance=False)
    shares = []
    for row, candidates in enumerate(nearest):
        strangers = candidates[groups[candidates] != groups[row]][:NEIGHBOURS]
        shares.append(float((labels[strangers] != labels[row]).mean()))
    return np.array(shares)


def area_under_margin(noised: Noised, *, params: Params, seed: int) -> NDArray[np.float64]:
    """How far the label of each image of the pool (n) was behind the next class, on average over the epochs of a
    training on all of them, in logits (Pleiss et al. 2020): more for doubt."""
    pool = pool_of(noised.split)
    classes = classes_of(pool)
    taught = noised.split.assign(side=np.where(noised.split["side"] == "test", "test", "train"))
    pictures = smaller(noised.arrays, params.model.pixels)
    trained = train_network(
        taught,
        pictures,
        classes=classes,
        model=params.model,
        train=params.train.model_copy(update={"snapshots": 1, "averaging": 0.0}),
        seed=seed,
        name="culling-signals",
        canvases=background_canvases(params.model.pixels),
    )
    margins = []
    for _, network in trained.earlier():
        logits = np.log(predict(network, pictures, pool["id"]).clip(1e-12))
        margins.append(margin_of(logits, pool["label"], classes))
    # A network of every epoch has half a gigabyte, and without them the checkpoint is of no use.
    shutil.rmtree(next(iter(trained.snapshots.values())).parent)
    area: NDArray[np.float64] = -np.mean(margins, axis=0)
    return area


def margin_of(logits: NDArray[np.float64], labels: "pd.Series[str]", classes: tuple[str, ...]) -> NDArray[np.float64]:
    """How far the logit (n) of each label is ahead of the largest other one, of `logits` (n, classes)."""
    table = pd.DataFrame(logits, columns=[f"p_{name}" for name in classes])
    table = table.assign(id=np.arange(len(labels)), label=labels.to_numpy())
    return facts_of(table, classes)["margin"].to_numpy()


def ranked(signals: Mapping[str, NDArray[np.float64]], faulty: NDArray[np.bool_]) -> dict[str, float]:
    """Average precision for the `faulty` (n) of each of `signals` (n), and of each other one added to evidence."""
    alone = {name: average_precision_score(faulty, signal) for name, signal in signals.items()}
    evidence = _standardised(signals["evidence"])
    added = {
        f"evidence + {name}": average_precision_score(faulty, evidence + ADDED * _standardised(signal))
        for name, signal in signals.items()
        if name != "evidence"
    }
    return {**alone, **added}


def _standardised(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = signal.std()
    standardised: NDArray[np.float64] = (signal - signal.mean()) / (deviation or 1.0)
    return standardised


def _features(arrays: Arrays, pool: pd.DataFrame) -> NDArray[np.float64]:
    rgba = arrays.rgba[arrays.rows(pool["id"])]
    return features_of(rgba, seen_by_network(rgba))


if __name__ == "__main__":
    main()
