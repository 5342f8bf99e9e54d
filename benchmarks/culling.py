"""What culling removes, beside what a person says: `python -m benchmarks.culling`, after `make repro`.

benchmarks/glyphs.csv holds a verdict of every drawing of the default data, given by looking at it alone: `clean` shows
its class at a glance, `hard` shows it to whoever looks twice, `kin` shows something near it (a snake among lizards),
`wrong` shows something else. This is the noise that a keyword search brings, not one that was injected.
"""

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from benchmarks.timing import append_history, machine, print_table
from nightmare.cull.strategies import evidence, suspects
from nightmare.params import CullParams, load_params
from nightmare.tables import PREDICTIONS, read_table

CHECKED = Path(__file__).parent / "glyphs.csv"
STRATEGIES = get_args(CullParams.model_fields["strategy"].annotation)
VERDICTS = ("clean", "hard", "kin", "wrong")


def main() -> None:
    print(machine())
    cull = load_params().cull
    crossval, validation = (
        read_table(f"reports/{stage}/predictions.csv", PREDICTIONS) for stage in ("crossval", "train")
    )
    verdicts = pd.read_csv(CHECKED, dtype=str, keep_default_na=False).set_index("id")["verdict"]
    classes = tuple(sorted(crossval["label"].unique()))
    pool = crossval["id"].map(verdicts)
    print(f"{len(pool)} drawings of the pool, {int(pool.isna().sum())} of them without a verdict")

    right = crossval["label"] == crossval["predicted"]
    rows: list[dict[str, object]] = [
        {"verdict": name, "n": int((pool == name).sum()), "out of fold accuracy": float(right[pool == name].mean())}
        for name in VERDICTS
    ]
    print_table(rows, title="What the networks make of drawings that they have not seen")

    margin = evidence(crossval, classes)["margin"]
    found = {
        strategy: crossval["id"].isin(
            suspects(crossval, validation, classes, cull.model_copy(update={"strategy": strategy}))["id"]
        )
        for strategy in STRATEGIES
    }
    rows = [{"strategy": name, **_scores(doubted, pool)} for name, doubted in found.items()]
    print_table(rows, title="Suspects, before the caps per class")
    append_history(rows, name="culling-glyphs")
    for bad in (["wrong"], ["wrong", "kin"]):
        sought = pool.isin(bad)
        precision = average_precision_score(sought, -margin)
        print(f"average precision of the margin for {' or '.join(bad)}: {precision:.3f}, chance {sought.mean():.3f}")


def _scores(doubted: "pd.Series[bool]", pool: "pd.Series[str]") -> dict[str, object]:
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
