"""Stage cull: which images the evidence speaks against. Nothing is deleted: ANF-- is the split with keep flags.

In: data/split.csv, reports/crossval/, reports/train/predictions.csv, data/decisions.jsonl, images.
Out: data/culled.csv, reports/cull/ with the lists of what was removed and of what is hard but probably right, and
contact sheets of removed and borderline images.
"""

import sys
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from nightmare.atomic import save_picture, write_csv, write_json
from nightmare.cull.budget import least_doubts, trial_of
from nightmare.cull.cull import cull_split
from nightmare.cull.decisions import read_decisions
from nightmare.cull.review import borderline_sheet, removed_sheet
from nightmare.cull.strategies import facts_of, probably_faulty, suspects
from nightmare.errors import exit_code
from nightmare.params import load_params
from nightmare.plots import save_bars
from nightmare.tables import (
    EVIDENCE,
    HARD,
    IMAGES,
    INJECTED,
    PREDICTIONS,
    REMOVED,
    SPLIT,
    classes_of,
    read_table,
    write_table,
)

REPORTS = Path("reports/cull")
SHARDS = Path("data/images")


def main() -> None:
    params = load_params()
    split = read_table("data/split.csv", SPLIT)
    images = read_table("data/images.csv", IMAGES)
    predictions = read_table("reports/crossval/predictions.csv", EVIDENCE)
    injected = read_table("reports/crossval/injected.csv", INJECTED)
    validation = read_table("reports/train/predictions.csv", PREDICTIONS)
    classes = classes_of(split)
    facts = facts_of(predictions, classes)
    culled = cull_split(
        split,
        suspects(predictions, classes, injected=injected, validation=validation, cull=params.cull),
        facts,
        decisions=read_decisions(Path("data/decisions.jsonl")),
        cull=params.cull,
    )
    if culled.unknown:
        print(f"data/decisions.jsonl: no image of the pool has the id {', '.join(culled.unknown)}", file=sys.stderr)
    write_table(culled.split, "data/culled.csv", SPLIT)
    write_table(culled.removed, REPORTS / "removed.csv", REMOVED)
    write_table(culled.hard, REPORTS / "hard.csv", HARD)
    counts = pd.crosstab(culled.split["label"], culled.split["keep"].map({True: "kept", False: "removed"}))
    counts = counts.reindex(columns=["kept", "removed"], fill_value=0)
    fates = counts.reset_index().melt("label", var_name="fate", value_name="count")
    write_csv(REPORTS / "classes.csv", fates)
    save_bars(fates, REPORTS / "classes.png", category="label", stack="fate", value="count", title="kept and removed")
    tried = {}
    if params.cull.strategy == "evidence":
        tried["injected"] = asdict(trial_of(least_doubts(facts, injected, cull=params.cull), facts, injected))
    write_json(
        REPORTS / "metrics.json",
        {
            "n": int((culled.split["side"] != "test").sum()),
            "removed": len(culled.removed),
            **tried,
            "expected_faulty": float(facts["doubt"].sum()),
            "expected_faulty_removed": float(culled.removed["doubt"].sum()),
            "doubtful": int(probably_faulty(facts).sum()),
            "hard": len(culled.hard),
            "spared_by_cap": len(culled.spared),
            "reason": culled.removed["reason"].value_counts().sort_index().to_dict(),
            "class": counts["removed"].to_dict(),
            "grade": culled.split.loc[~culled.split["keep"], "grade"].value_counts().sort_index().to_dict(),
            "unknown_decisions": len(culled.unknown),
        },
    )
    save_picture(REPORTS / "removed.png", removed_sheet(culled, images, SHARDS))
    save_picture(REPORTS / "borderline.png", borderline_sheet(culled, facts, images, SHARDS))


if __name__ == "__main__":
    sys.exit(exit_code(main))
