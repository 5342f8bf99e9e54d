"""Find candidates in the sources that params.yaml names.

Inputs: params `scrape` and `label.version`, whose taxonomy names the file of search terms, data/packages.json, the
folder `scrape.folder` if asked for.
Outputs: data/candidates.csv, data/raw/, reports/scrape/metrics.json, reports/scrape/classes.csv.
"""

import sys
from collections import Counter
from pathlib import Path

import pandas as pd

from nightmare.atomic import write_csv, write_json
from nightmare.data.taxonomy import load_taxonomy
from nightmare.errors import exit_code
from nightmare.params import ScrapeParams, load_params
from nightmare.sources.candidates import GRADES, Source, store_candidates
from nightmare.sources.folder import FolderSource
from nightmare.sources.iconify import IconifySource
from nightmare.sources.packages import load_pins
from nightmare.sources.terms import load_concepts

REPORTS = Path("reports/scrape")


def build_source(name: str, params: ScrapeParams, *, version: str) -> Source:
    if name == "folder":
        return FolderSource(Path(params.folder), params.cap)
    taxonomy = load_taxonomy(Path("data/taxonomies"), version)
    return IconifySource(load_concepts(taxonomy.search), load_pins(), params.cap)


def main() -> None:
    params = load_params()
    version = params.label.version
    sources = [build_source(name, params.scrape, version=version) for name in params.scrape.sources]
    frame = store_candidates(sources, table="data/candidates.csv", raw="data/raw")

    counts = Counter(zip(frame["class_hint"], frame["grade_hint"], strict=True))
    grades = [grade for grade in (*GRADES, "") if grade or (frame["grade_hint"] == "").any()]
    classes = sorted(set(frame["class_hint"]))
    rows = [(name, grade, counts[name, grade]) for name in classes for grade in grades]
    write_csv(REPORTS / "classes.csv", pd.DataFrame(rows, columns=["concept", "grade", "count"]))
    metrics = {
        "n": len(frame),
        "distinct": int(frame["sha256"].nunique()),
        "left_out": sum(sum(source.left_out.values()) for source in sources),
        "packages": int(frame.loc[frame["source"] == "iconify", "source_id"].str.split(":").str[0].nunique()),
        "classes": {name: {grade or "none": counts[name, grade] for grade in grades} for name in classes},
    }
    write_json(REPORTS / "metrics.json", metrics)


if __name__ == "__main__":
    sys.exit(exit_code(main))
