"""Give each image its class and grade in the data set version that `label.version` names.

In: data/images.csv, data/taxonomies/, data/corrections.csv. Out: data/labels.csv and reports/label/.
Run: `dvc repro label`.
"""

import sys
from pathlib import Path

from nightmare.atomic import write_csv, write_json
from nightmare.data.labels import assign_labels, read_corrections
from nightmare.data.taxonomy import load_taxonomy
from nightmare.errors import exit_code
from nightmare.params import load_params
from nightmare.tables import IMAGES, LABELS, read_table, write_table

DATA = Path("data")
REPORTS = Path("reports/label")


def main() -> None:
    params = load_params().label
    images = read_table(DATA / "images.csv", IMAGES)
    taxonomy = load_taxonomy(DATA / "taxonomies", params.version, concepts=images["class_hint"])
    corrections = read_corrections(DATA / "corrections.csv", taxonomy)
    result = assign_labels(images, taxonomy, corrections, smallest_class=params.smallest_class)
    for name, count in result.dropped.items():
        print(f"class {name} is left out: {count} images, label.smallest_class asks for {params.smallest_class}")
    if result.unknown:
        print(f"data/corrections.csv: no image has the id {', '.join(result.unknown)}", file=sys.stderr)
    write_table(result.labels, DATA / "labels.csv", LABELS)
    write_json(
        REPORTS / "metrics.json",
        {
            "n": len(result.labels),
            "classes": result.labels["label"].nunique(),
            "by_hand": int((result.labels["origin"] == "hand").sum()),
            "excluded": result.excluded,
            "unmapped": result.unmapped,
            "unknown_corrections": len(result.unknown),
            "dropped": dict(result.dropped),
        },
    )
    counts = result.labels.rename(columns={"label": "class"}).groupby(["class", "grade"]).size()
    write_csv(REPORTS / "classes.csv", counts.reset_index(name="count"))


if __name__ == "__main__":
    sys.exit(exit_code(main))
