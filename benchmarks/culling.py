"""What culling finds: `python -m benchmarks.culling`, after `make repro`, and `--noise` for faults that are known.

benchmarks/glyphs.csv holds a verdict of every drawing of the default data, given by looking at it alone: `clean` shows
its class at a glance, `hard` shows it to whoever looks twice, `kin` shows something near it (a snake among lizards),
`wrong` shows something else. This is the noise that a keyword search brings. `--noise` puts known faults into the clean
drawings, or with `--photos FOLDER` into photographs, and scores every strategy by them, with the accuracy on untouched
test images of a network that learns from what the strategy left. A run that was stopped trains no network twice.
`--noise --ablate` trains none, and sets `evidence` beside itself without some of its parts, and beside confident
learning by every filter that cleanlab has.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from benchmarks.ablation import ablated
from benchmarks.known_faults import by_class, removed_by, scored, small_training, what_is_known
from benchmarks.luck import least_significant_difference
from benchmarks.noise import CHECKED, KINDS, clean_glyphs, clean_photos, pool_of
from benchmarks.timing import append_history, machine, print_table
from nightmare.cull.budget import least_doubts, trial_of
from nightmare.cull.strategies import facts_of
from nightmare.params import CullParams, Params, load_params
from nightmare.tables import EVIDENCE, INJECTED, PREDICTIONS, classes_of, read_table

VERDICTS = ("clean", "hard", "kin", "wrong")
ROWS = [
    ("none", 0.0),
    *(("symmetric", share) for share in (0.05, 0.1, 0.2, 0.4)),
    *((kind, 0.2) for kind in KINDS if kind != "symmetric"),
]
SEEDS = (20, 21, 22)  # the settings of `evidence` were chosen with lower ones
DOUBTS = (0, 0.05, 0.2, 0.5, 0.7, 0.9, 1)  # between which doubts are held against what was seen
BUDGETS = (0.15, 0.1, 0.05, 0.02, 0.01)
COLUMNS = (
    "noise",
    "faulty",
    "strategy",
    "removed",
    "precision",
    "recall",
    "F1",
    "F1, spread",
    "average precision",
    "false removals",
    "hard kept",
    "test accuracy",
    "test accuracy, spread",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noise", action="store_true", help="known faults in right data, instead of the default data")
    parser.add_argument("--photos", type=Path, help="with --noise: a folder of photographs, one folder per class")
    parser.add_argument("--ablate", action="store_true", help="with --noise: what the parts of evidence do")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--pixels", type=int, default=32, help="side of the pictures that the networks see")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--kinds", nargs="+", choices=["none", *KINDS], default=["none", *KINDS])
    wishes = parser.parse_args()
    print(machine())
    if not wishes.noise:
        natural_noise(load_params())
        return
    name = "photos" if wishes.photos else "glyphs"
    params = small_training(load_params(), pixels=wishes.pixels, epochs=wishes.epochs)
    load = partial(clean_photos, wishes.photos) if wishes.photos else clean_glyphs
    clean = {seed: load(seed=seed) for seed in wishes.seeds}
    seeds = " ".join(map(str, wishes.seeds))
    known = {seed: what_is_known(right.arrays, pool_of(right.split), seed=seed) for seed, right in clean.items()}
    rows: list[dict[str, object]] = []
    all_runs = []
    for kind, share in ROWS:
        if kind not in wishes.kinds:
            continue
        score = ablated if wishes.ablate else scored
        runs = pd.concat(
            score(right, kind, share, known=known[seed], params=params, seed=seed).assign(seed=seed)
            for seed, right in clean.items()
        )
        all_runs.append(runs.assign(noise=f"{kind} {share}"))
        means = means_of(runs)
        for strategy, figures in means.iterrows():
            row = {"noise": kind, "strategy": strategy, **figures.dropna().to_dict()}
            rows.append({column: row.get(column, "") for column in COLUMNS})
        print_table(rows[-len(means) :], title=f"{name}, {kind} {share}, means of seeds {seeds}")
        stamped = [{**row, "seeds": seeds} for row in rows[-len(means) :]]
        append_history(stamped, name=f"culling-{'ablated' if wishes.ablate else 'noise'}-{name}")
        if not wishes.ablate:
            lost = by_class(means, kind)
            print_table(lost, title=f"{name}, {kind} {share}, false removals of each class")
            append_history([{**row, "seeds": seeds} for row in lost], name=f"culling-classes-{name}")
    print_table(rows, title=f"All of {name}, means and, as spread, standard deviations of seeds {seeds}")
    if not wishes.ablate and len(clean) > 1:
        luck = what_is_luck(pd.concat(all_runs))
        print(
            f"luck brings a difference of {luck:.3f} of test accuracy in one of twenty cases, more for the best of many"
        )


def means_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Means by strategy over seeds, and the spread of some: of those seeds that have the figure, but of accuracy for
    all seeds or none. (Precision has none where nothing is removed.)"""
    by_strategy = runs.drop(columns="seed").groupby("strategy", sort=False)
    means, spreads = by_strategy.mean(), by_strategy.std()
    means["F1, spread"] = spreads["F1"]
    if "test accuracy" in means:
        means["test accuracy"] = by_strategy["test accuracy"].mean(skipna=False)
        means["test accuracy, spread"] = spreads["test accuracy"].where(means["test accuracy"].notna())
    return means


def what_is_luck(runs: pd.DataFrame) -> float:
    """The difference between two strategies' mean test accuracies that luck exceeds in one of twenty cases.

    By what neither strategy nor seed explains within a noise, since all strategies share the images of a seed (see
    `least_significant_difference`). `runs` has a row per noise, strategy and seed; `validation`, whose network is that
    of no culling, tells nothing.
    """
    squares, freedom = 0.0, 0
    for _, own in runs[runs["strategy"] != "validation"].groupby("noise"):
        figures = own.pivot(index="strategy", columns="seed", values="test accuracy").dropna()
        rest = figures.sub(figures.mean(axis=1), axis=0) - figures.mean() + figures.to_numpy().mean()
        squares += float(rest.pow(2).to_numpy().sum())
        freedom += (len(figures) - 1) * (figures.shape[1] - 1)
    return least_significant_difference(squares / freedom, freedom=freedom, runs=runs["seed"].nunique())


def natural_noise(params: Params) -> None:
    """Hold what the pipeline's stages have said of the default data against what was seen by eye, and print it."""
    predictions = read_table("reports/crossval/predictions.csv", EVIDENCE)
    injected = read_table("reports/crossval/injected.csv", INJECTED)
    validation = read_table("reports/train/predictions.csv", PREDICTIONS)
    verdicts = pd.read_csv(CHECKED, dtype=str, keep_default_na=False).set_index("id")["verdict"]
    classes = classes_of(predictions)
    facts = facts_of(predictions, classes)
    pool = facts["id"].map(verdicts)
    print(f"{len(pool)} drawings of the pool, {int(pool.isna().sum())} of them without a verdict")

    right = predictions["label"] == predictions["predicted"]
    rows: list[dict[str, object]] = [
        {
            "verdict": name,
            "n": int((pool == name).sum()),
            "predicted right": float(right[pool == name].mean()),
            "doubt": float(facts.loc[pool == name, "doubt"].mean()),
        }
        for name in VERDICTS
    ]
    print_table(rows, title="What is made of drawings that were not seen")

    by_strategy = removed_by(predictions, classes, injected=injected, validation=validation, cull=params.cull)
    rows = [{"strategy": name, **_judged_by_eye(removed, pool)} for name, removed in by_strategy.items()]
    print_table(rows, title="Suspects, before the caps per class")
    append_history(rows, name="culling-glyphs")
    rows = _believed_and_seen(facts["doubt"], pool)
    print_table(rows, title="How probably drawings are faulty, said and seen")
    append_history(rows, name="culling-doubts")
    trial = trial_of(least_doubts(facts, injected, cull=params.cull), facts, injected)
    print(
        f"of {trial.n} labels that were exchanged evidence finds {trial.found:.2f}, of right ones {trial.lost:.3f} go"
    )
    print_table(
        _lost(by_strategy["evidence"], facts["label"], pool, trial.class_lost),
        title=f"Right drawings that evidence loses, of which the budget allows {params.cull.budget:.0%}",
    )
    rows = [_within(budget, facts, injected, pool, params.cull) for budget in BUDGETS]
    print_table(rows, title="What a budget holds back: lost by what the verdicts hold for right, and by eye")
    append_history(rows, name="culling-budgets")
    for bad in (["wrong"], ["wrong", "kin"]):
        sought = pool.isin(bad)
        precision = {
            name: f"{average_precision_score(sought, score):.3f}"
            for name, score in (("margin", -facts["margin"]), ("evidence", facts["doubt"]))
        }
        print(f"average precision for {' or '.join(bad)}: {precision}, chance {sought.mean():.3f}")


def _believed_and_seen(doubt: "pd.Series[float]", pool: "pd.Series[str]") -> list[dict[str, object]]:
    """Doubts from small to large beside what was seen, to tell how far they may be taken at their word."""
    parts = pd.cut(doubt, DOUBTS, include_lowest=True)
    return [
        {
            "doubt": f"{max(part.left, 0):.2g} to {part.right:.2g}",
            "n": len(rows),
            "mean": float(rows.mean()),
            "wrong": float((pool[rows.index] == "wrong").mean()),
            "wrong or kin": float(pool[rows.index].isin(["wrong", "kin"]).mean()),
        }
        for part, rows in doubt.groupby(parts, observed=True)
    ]


def _lost(
    removed: "pd.Series[bool]", labels: "pd.Series[str]", pool: "pd.Series[str]", exchanged: dict[str, float]
) -> list[dict[str, object]]:
    """Per class, the share of the right ones (clean or hard to see) that go, and that went where labels were
    `exchanged`."""
    right = pool.isin(["clean", "hard"])
    return [
        {
            "class": label,
            "right": int(right[inside].sum()),
            "lost": int((right & removed)[inside].sum()),
            "share": float(removed[inside][right[inside]].mean()),
            "where labels were exchanged": exchanged[label],
        }
        for label, inside in labels.groupby(labels).groups.items()
    ]


def _within(
    budget: float, facts: pd.DataFrame, injected: pd.DataFrame, pool: "pd.Series[str]", cull: CullParams
) -> dict[str, object]:
    """What `evidence` would remove with another `budget`, and which right drawings that costs."""
    cull = cull.model_copy(update={"budget": budget})
    least = least_doubts(facts, injected, cull=cull)
    removed = facts["doubt"] > facts["label"].map(least)
    right = pool.isin(["clean", "hard"])
    lost = removed[right].groupby(facts["label"][right]).mean()
    return {
        "budget": budget,
        "classes held back": int((least > cull.confidence).sum()),
        "removed": int(removed.sum()),
        "precision, wrong or kin": float(pool[removed].isin(["wrong", "kin"]).mean()),
        "lost where labels were exchanged": trial_of(least, facts, injected).lost,
        "lost by eye": float(removed[right].mean()),
        "most of a class": float(lost.max()),
        "which": str(lost.idxmax()),
    }


def _judged_by_eye(doubted: "pd.Series[bool]", pool: "pd.Series[str]") -> dict[str, object]:
    """What of the `pool`, given as verdicts, is `doubted`, in shares."""
    wrong = pool == "wrong"
    return {
        "removed": int(doubted.sum()),
        "precision, wrong": float(wrong[doubted].mean()),
        "precision, wrong or kin": float(pool[doubted].isin(["wrong", "kin"]).mean()),
        "recall, wrong": float(doubted[wrong].mean()),
        "clean lost": float(np.mean(doubted[pool == "clean"])),
        "hard lost": float(np.mean(doubted[pool == "hard"])),
    }


if __name__ == "__main__":
    main()
