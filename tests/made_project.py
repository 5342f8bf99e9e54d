"""The folder of a project with sixty drawings of three classes that the stage `cull` has been run in.

Made so that each way to be removed has an example; `numbers` of pictures are those of their ids.
"""

import contextlib
import hashlib
import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from nightmare.data.store import write_images
from nightmare.tables import (
    CANDIDATES,
    DUPLICATES,
    EVIDENCE,
    IMAGES,
    INJECTED,
    PREDICTIONS,
    REJECTS,
    SPLIT,
    write_table,
)
from stages import cull

CLASSES = ("clowns", "frogs", "skulls")
COUNT = 60
# Doubtful labels by number; 9 is doubted as a picture, 12 and 13 stay.
WRONG = {0: 0.9, 3: 0.8, 5: 0.7, 7: 0.55, 12: 0.45, 13: 0.3, 15: 0.62}
SEVERAL = {9: 0.8}
UNLIKE_ANY = {7}
REMOVED = {
    0: "conflicting duplicate",
    3: "wrong class",
    15: "wrong class",
    5: "wrong class",
    7: "none of the classes",
    9: "several objects",
}
COPIES = {1: 0, 6: 3}  # the second is of the first one's group
BAD_LINK = "javascript:alert(1)"


def identity(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:16]


def label(number: int) -> str:
    return CLASSES[number % 3]


def side(number: int) -> str:
    return "train" if number < 36 else "val" if number < 48 else "test"


def make_project(folder: Path) -> None:
    """Write the tables and pictures of a whole project to `folder`, and cull."""
    for part in ("data", "reports/crossval", "reports/train", "reports/evaluate"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).parents[1] / "params.yaml", folder)
    numbers = range(COUNT)
    write_table(pd.DataFrame(map(_candidate, numbers)), folder / "data/candidates.csv", CANDIDATES)
    images = write_images(
        pd.DataFrame(map(_image, numbers)),
        {identity(number): _png(number) for number in numbers},
        folder / "data/images",
        shards=2,
    )
    write_table(images, folder / "data/images.csv", IMAGES)
    write_table(pd.DataFrame(map(_split, numbers)), folder / "data/split.csv", SPLIT)
    evidence = pd.DataFrame(map(_evidence, numbers))
    pool = evidence[evidence["side"] != "test"]
    write_table(pool, folder / "reports/crossval/predictions.csv", EVIDENCE)
    write_table(_unmoved(pool), folder / "reports/crossval/injected.csv", INJECTED)
    network = evidence.drop(columns=["wrong", "several", "occluded", "poor"])
    write_table(network[network["side"] != "train"], folder / "reports/train/predictions.csv", PREDICTIONS)
    write_table(network[network["side"] == "test"], folder / "reports/evaluate/predictions.csv", PREDICTIONS)
    write_table(pd.DataFrame([_copy()]), folder / "data/duplicates.csv", DUPLICATES)
    write_table(pd.DataFrame([_reject()]), folder / "data/rejects.csv", REJECTS)
    (folder / "data/decisions.jsonl").touch()
    run_cull(folder)


def run_cull(folder: Path) -> None:
    """What `dvc repro cull` does there."""
    with contextlib.chdir(folder):
        cull.main()


def tree(folder: Path, *, without: str = "") -> dict[str, str]:
    """Digest of each file of the project but one."""
    files = [path for part in ("data", "reports") for path in (folder / part).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*files, folder / "params.yaml"]
        if str(path.relative_to(folder)) != without
    }


def _png(number: int) -> bytes:
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (8, 8, 4), dtype=np.uint8)
    coarse[..., 3] = 255 * (random.random((8, 8)) < 0.7)
    width = 256 if number == 2 else 64
    file = io.BytesIO()
    Image.fromarray(coarse).resize((width, 64), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def _candidate(number: int) -> dict[str, object]:
    return {
        "id": identity(1000 + number),
        "source": "iconify",
        "source_id": f"{'round' if number % 2 else 'flat'}:thing-{number}",
        "query": label(number),
        "class_hint": label(number),
        "grade_hint": "ABC"[number % 4 % 3],
        "media": "svg",
        "work": "",
        "sha256": hashlib.sha256(_png(number)).hexdigest(),
        "shard": "shard-000.tar",
        "offset": 0,
        "length": 1,
        "licence": "MIT" if number % 5 else "CC0-1.0",
        "licence_url": BAD_LINK if number == 1 else "https://example.org/licence",
        "creator": "Somebody",
        "landing_url": "https://example.org/set",
    }


def _group(number: int) -> str:
    return identity(COPIES.get(number, number))


def _image(number: int) -> dict[str, object]:
    found = _candidate(number)
    passed = ("class_hint", "grade_hint", "query", "source", "source_id", "licence", "licence_url", "creator")
    return {
        "id": identity(number),
        "candidate": found["id"],
        "shard": "",
        "offset": 0,
        "length": 0,
        "width": 256 if number == 2 else 64,
        "height": 64,
        "group": _group(number),
        **dict.fromkeys(("has_alpha", "animated", "monochrome"), False),
        **dict.fromkeys(("sharpness", "brightness", "contrast", "blank_share"), 0.5),
        "original_width": 640,
        "original_height": 640,
        **{name: found[name] for name in passed},
    }


def _split(number: int) -> dict[str, object]:
    return {
        "id": identity(number),
        "label": label(number),
        "grade": _candidate(number)["grade_hint"],
        "group": _group(number),
        "side": side(number),
        "fold": -1 if side(number) == "test" else number % 4,
        "keep": True,
    }


def _evidence(number: int) -> dict[str, object]:
    wrong = WRONG.get(number, 0.02)
    own, other = CLASSES.index(label(number)), (number + 1) % 3
    shares = np.full(3, 0.05)
    shares[own], shares[other] = (0.1, 0.85) if wrong > 0.5 or number % 11 == 10 else (0.85, 0.1)
    if number in UNLIKE_ANY:
        shares = np.full(3, 0.32)
        shares[other] = 0.36
    return {
        "id": identity(number),
        "side": side(number),
        "grade": _candidate(number)["grade_hint"],
        "label": label(number),
        "predicted": CLASSES[int(shares.argmax())],
        "wrong": wrong,
        "several": SEVERAL.get(number, 0.001),
        "occluded": 0.001,
        "poor": 0.0,
        **{f"p_{name}": share for name, share in zip(CLASSES, shares, strict=True)},
    }


def _unmoved(evidence: pd.DataFrame) -> pd.DataFrame:
    """A trial of the verdicts in which no label was exchanged and nothing is thought otherwise."""
    return evidence[["id", "label", "wrong"]].assign(repeat=0, exchanged=False)


def _copy() -> dict[str, object]:
    return {
        "candidate": identity(2000),
        "duplicate_of": identity(4),
        "kind": "pixels",
        "class_hint": "skulls",
        "kept_class_hint": label(4),
        "conflict": True,
    }


def _reject() -> dict[str, object]:
    return {
        "candidate": identity(2001),
        "source": "folder",
        "source_id": "clowns/broken.png",
        "reason": "damaged",
        "detail": "the file ends too early",
    }
