"""Sets of pictures whose labels are right, and known faults put into them, to see what culling finds.

`glyphs` are the drawings that benchmarks/glyphs.csv calls clean, `photos` those of a folder with one folder per class.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps

from nightmare.cull.features import PIXELS
from nightmare.data.arrays import Arrays, load_arrays, square
from nightmare.data.split import assign_split
from nightmare.tables import IMAGES, read_table

__all__ = ["KINDS", "LabelledSet", "Noised", "clean_glyphs", "clean_photos", "inject", "pool_of", "smaller"]

CHECKED = Path(__file__).parent / "glyphs.csv"
PHOTO_CLASSES = ("creepy_crawlies", "frogs", "jellyfish", "lizards", "scorpions")
LOOKALIKES = {
    "frogs": "lizards",
    "lizards": "frogs",
    "scorpions": "creepy_crawlies",
    "creepy_crawlies": "scorpions",
    "skulls": "satan",
    "satan": "skulls",
    "clowns": "horror_girls",
    "horror_girls": "clowns",
}


@dataclass(frozen=True)
class LabelledSet:
    """A split table, the pictures, and ids of pictures in `arrays` that show none of the classes."""

    split: pd.DataFrame
    arrays: Arrays
    strangers: list[str]


@dataclass(frozen=True)
class Noised:
    """The split with faults among its pool, its pictures, and the ids of the faulty rows."""

    split: pd.DataFrame
    arrays: Arrays
    faulty: set[str]


def clean_glyphs(*, seed: int) -> LabelledSet:
    """The drawings of the pipeline's image store that show their class at a glance; strangers show something else."""
    verdicts = pd.read_csv(CHECKED, dtype=str, keep_default_na=False)
    images = read_table("data/images.csv", IMAGES)
    images = images[images["id"].isin(verdicts["id"])]
    verdicts = verdicts[verdicts["id"].isin(images["id"])]
    clean = verdicts[verdicts["verdict"] == "clean"].assign(grade="A")
    groups = images.set_index("id")["group"].to_dict()
    arrays = load_arrays(images, Path("data/images"), pixels=PIXELS)
    # The drawings of another class are no strangers to a set that has that class.
    strange = verdicts["verdict"].eq("wrong") & ~verdicts["better"].isin(clean["label"])
    return LabelledSet(_split(clean, groups, seed=seed), arrays, sorted(verdicts.loc[strange, "id"]))


def clean_photos(folder: Path, *, seed: int) -> LabelledSet:
    """The photographs below `folder`, as they are labelled; the landscapes among them are strangers."""
    rows: list[dict[str, str]] = []
    squares = []
    for label in (*PHOTO_CLASSES, "landscapes"):
        for path in sorted((folder / label).iterdir()):
            with Image.open(path) as picture:
                squares.append(square(ImageOps.exif_transpose(picture).convert("RGB"), PIXELS))
            rows.append({"id": f"{len(rows):016x}", "label": label, "grade": "A"})
    table = pd.DataFrame(rows)
    arrays = Arrays(tuple(table["id"]), np.stack(squares), np.ones(len(table), dtype=bool))
    labelled = table[table["label"] != "landscapes"]
    groups = {identity: identity for identity in labelled["id"]}
    strangers = list(table.loc[table["label"] == "landscapes", "id"])
    return LabelledSet(_split(labelled, groups, seed=seed), arrays, strangers)


def inject(clean: LabelledSet, kind: str, share: float, *, seed: int) -> Noised:
    """Put faults of a `kind` (see `KINDS`) into up to `share` of the pool.

    The test side stays as it is, but for `multi-object`, which takes its second objects out of it. Fewer are faulty
    where only some classes have a look-alike, or strangers run out.
    """
    generator = np.random.default_rng(seed)
    pool = clean.split[clean.split["side"] != "test"]
    faulty = pool.loc[generator.random(len(pool)) < share, "id"]
    return KINDS[kind](clean, faulty, generator)


def pool_of(split: pd.DataFrame) -> pd.DataFrame:
    """What culling sees of `split`: all but the test side, by id."""
    return split[split["side"] != "test"].sort_values("id")


def smaller(arrays: Arrays, pixels: int) -> Arrays:
    """The same pictures at another size."""
    return replace(arrays, rgba=np.stack([_resized(rgba, pixels) for rgba in arrays.rgba]))


def _split(labels: pd.DataFrame, groups: dict[str, str], *, seed: int) -> pd.DataFrame:
    return assign_split(labels, groups, seed=seed, test_share=0.2, val_share=0.2, folds=4)


def _others(labels: pd.Series, classes: pd.Series, generator: np.random.Generator) -> list[str]:
    names = sorted(classes.unique())
    return [str(generator.choice([name for name in names if name != label])) for label in labels]


def _with_labels(split: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    return split.assign(label=[labels.get(row.id, row.label) for row in split.itertuples()])


def _symmetric(clean: LabelledSet, faulty: pd.Series, generator: np.random.Generator) -> Noised:
    labels = clean.split.set_index("id")["label"]
    changed = dict(zip(faulty, _others(labels[faulty], labels, generator), strict=True))
    return Noised(_with_labels(clean.split, changed), clean.arrays, set(faulty))


def _asymmetric(clean: LabelledSet, faulty: pd.Series, generator: np.random.Generator) -> Noised:
    labels = clean.split.set_index("id")["label"]
    present = set(labels)
    changed = {row: LOOKALIKES[labels[row]] for row in faulty if LOOKALIKES.get(labels[row]) in present}
    return Noised(_with_labels(clean.split, changed), clean.arrays, set(changed))


def _repainted(
    clean: LabelledSet, faulty: pd.Series, paint: Callable[[NDArray[np.uint8], str], NDArray[np.uint8]]
) -> Noised:
    """The faulty rows under their own label, with another picture made of theirs."""
    rgba = np.array(clean.arrays.rgba)
    for identity, row in zip(faulty, clean.arrays.rows(faulty), strict=True):
        rgba[row] = paint(rgba[row], identity)
    return Noised(clean.split, replace(clean.arrays, rgba=rgba), set(faulty))


def _off_class(clean: LabelledSet, faulty: pd.Series, generator: np.random.Generator) -> Noised:
    chosen = generator.permutation(clean.strangers)[: len(faulty)]
    pictures = iter(clean.arrays.rgba[clean.arrays.rows(pd.Series(chosen))])
    return _repainted(clean, faulty.iloc[: len(chosen)], lambda rgba, identity: next(pictures))


def _multi_object(clean: LabelledSet, faulty: pd.Series, generator: np.random.Generator) -> Noised:
    """Beside the object, at half the size, one of another class, which no classifier has seen by itself.

    It is one of a quarter of the test side, which leaves the split: who learns from it is not tested by it.
    """
    rows = clean.split.set_index("id")
    spare = _quarter(rows[rows["side"] == "test"], generator)
    others = []
    for row in rows.loc[faulty].itertuples():
        strange = spare[spare["label"] != row.label]
        others.append(str(generator.choice(strange.index.to_numpy(dtype=str))))
    second = dict(zip(faulty, clean.arrays.rgba[clean.arrays.rows(pd.Series(others))], strict=True))

    def paint(rgba: NDArray[np.uint8], identity: str) -> NDArray[np.uint8]:
        half = rgba.shape[1] // 2
        both = np.zeros_like(rgba)
        both[:, half // 2 : half // 2 + half] = np.concatenate(
            [_resized(rgba, half), _resized(second[identity], half)], axis=2
        )
        both[3] = np.maximum(both[3], 255 * (rgba[3].min() == 255))
        return both

    left = clean.split[~clean.split["group"].isin(spare["group"])]
    return _repainted(replace(clean, split=left), faulty, paint)


def _quarter(rows: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Of each label in `rows` a quarter of the images, at least one."""
    parts = [own.iloc[generator.permutation(len(own))[: max(1, len(own) // 4)]] for _, own in rows.groupby("label")]
    return pd.concat(parts)


def _occluded(clean: LabelledSet, faulty: pd.Series, generator: np.random.Generator) -> Noised:
    """A block of one colour before two thirds of the picture, from one side."""

    def paint(rgba: NDArray[np.uint8], identity: str) -> NDArray[np.uint8]:
        covered = rgba.copy()
        hidden = 2 * rgba.shape[1] // 3
        turned = np.rot90(covered, int(generator.integers(4)), axes=(1, 2))
        turned[:3, :hidden] = generator.integers(0, 256, (3, 1, 1))
        turned[3, :hidden] = 255
        return covered

    return _repainted(clean, faulty, paint)


def _poor(clean: LabelledSet, faulty: pd.Series, generator: np.random.Generator) -> Noised:
    """Smeared sideways over half of the picture, or in ten by ten blocks."""

    def paint(rgba: NDArray[np.uint8], identity: str) -> NDArray[np.uint8]:
        side = rgba.shape[1]
        if generator.random() < 0.5:
            blocks = np.linspace(0, 10, side, endpoint=False).astype(int)
            return _resized(rgba, 10)[:, blocks][:, :, blocks]
        inked = rgba * np.concatenate([rgba[3:] / 255] * 3 + [np.ones_like(rgba[3:])])
        smeared = np.mean([np.roll(inked, shift, axis=2) for shift in range(-side // 4, side // 4)], axis=0)
        smeared[:3] *= 255 / smeared[3:].clip(1)
        painted: NDArray[np.uint8] = smeared.round().clip(0, 255).astype(np.uint8)
        return painted

    return _repainted(clean, faulty, paint)


def _conflicting(clean: LabelledSet, faulty: pd.Series, generator: np.random.Generator) -> Noised:
    """Mirrored copies under another label beside the images, in the group of theirs."""
    originals = clean.split.set_index("id").loc[faulty].reset_index()
    names = [f"copy-{identity}" for identity in faulty]
    copies = originals.assign(id=names, label=_others(originals["label"], clean.split["label"], generator))
    rows = clean.arrays.rows(faulty)
    arrays = Arrays(
        (*clean.arrays.ids, *names),
        np.concatenate([clean.arrays.rgba, clean.arrays.rgba[rows][..., ::-1]]),
        np.concatenate([clean.arrays.opaque, clean.arrays.opaque[rows]]),
    )
    return Noised(pd.concat([clean.split, copies], ignore_index=True), arrays, set(names))


def _resized(rgba: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    return square(Image.fromarray(rgba.transpose(1, 2, 0), "RGBA"), pixels)


KINDS: dict[str, Callable[[LabelledSet, pd.Series, np.random.Generator], Noised]] = {
    "symmetric": _symmetric,
    "asymmetric": _asymmetric,
    "off-class": _off_class,
    "multi-object": _multi_object,
    "occluded": _occluded,
    "poor quality": _poor,
    "conflicting copies": _conflicting,
}
