"""Turn candidates and their raw bytes into normalised images without duplicates.

In: data/candidates.csv, data/raw/. Out: data/images/, data/images.csv, data/duplicates.csv, data/rejects.csv and
reports/ingest/. Run: `dvc repro ingest`.
"""

import sys
from pathlib import Path

import pandas as pd

from nightmare.atomic import write_csv, write_json
from nightmare.data.ingest import Ingested, ingest
from nightmare.data.store import write_images
from nightmare.errors import InputError, exit_code
from nightmare.params import load_params
from nightmare.tables import CANDIDATES, DUPLICATES, IMAGES, REJECTS, read_table, write_table

DATA = Path("data")
REPORTS = Path("reports/ingest")


def main() -> None:
    params = load_params().ingest
    candidates = read_table(DATA / "candidates.csv", CANDIDATES)
    result = ingest(
        candidates,
        DATA / "raw",
        pixels=params.pixels,
        megapixels=params.megapixels,
        near_distance=params.near_distance,
    )
    # First the refusals: when there are too many of them, they are what one wants to read.
    write_table(result.rejects, DATA / "rejects.csv", REJECTS)
    share = len(result.rejects) / len(candidates)
    if result.images.empty or share > params.reject_limit:
        reasons = result.rejects["reason"].value_counts()
        raise InputError(
            f"{len(result.rejects)} of {len(candidates)} candidates are refused "
            f"({', '.join(f'{reason} {count}' for reason, count in reasons.items())}): "
            f"read data/rejects.csv, then mend the sources or raise ingest.reject_limit ({params.reject_limit:g})"
        )
    images = write_images(result.images, result.pictures, DATA / "images", shards=params.shards)
    write_table(images, DATA / "images.csv", IMAGES)
    write_table(result.duplicates, DATA / "duplicates.csv", DUPLICATES)
    write_json(REPORTS / "metrics.json", metrics(result))
    write_csv(REPORTS / "classes.csv", fates(candidates, result))


def metrics(result: Ingested) -> dict[str, object]:
    sizes = result.images["group"].value_counts()
    return {
        "n": len(result.images),
        "groups": len(sizes),
        "near_duplicates": len(result.images) - len(sizes),
        "largest_group": int(sizes.max()),
        "duplicates": len(result.duplicates),
        "conflicts": int(result.duplicates["conflict"].sum()),
        "rejects": result.rejects["reason"].value_counts().sort_index().to_dict(),
    }


def fates(candidates: pd.DataFrame, result: Ingested) -> pd.DataFrame:
    """What became of the candidates of each class, as columns class, fate, count."""
    fate = pd.Series("image", index=candidates["id"], name="fate")
    fate[result.duplicates["candidate"]] = "duplicate"
    fate[result.rejects["candidate"]] = "reject"
    classes = pd.Series(candidates["class_hint"].to_numpy(), index=candidates["id"], name="class")
    return pd.concat([classes, fate], axis=1).value_counts(sort=False).sort_index().reset_index(name="count")


if __name__ == "__main__":
    sys.exit(exit_code(main))
