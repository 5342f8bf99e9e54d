"""What the tables of the project say about each picture of the data set, in one frame.

In: data/ and reports/ as the stages leave them; nothing is written. A table is read once for each change of its file.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nightmare.cull.strategies import facts_of
from nightmare.params import load_params
from nightmare.tables import (
    CANDIDATES,
    DUPLICATES,
    EVIDENCE,
    FAULTS,
    IMAGES,
    PREDICTIONS,
    REJECTS,
    REMOVED,
    SPLIT,
    Table,
    read_table,
)

__all__ = ["Manifest", "Tables"]

_FILES = {
    "images": ("data/images.csv", IMAGES),
    "split": ("data/split.csv", SPLIT),
    "culled": ("data/culled.csv", SPLIT),
    "candidates": ("data/candidates.csv", CANDIDATES),
    "duplicates": ("data/duplicates.csv", DUPLICATES),
    "rejects": ("data/rejects.csv", REJECTS),
    "crossval": ("reports/crossval/predictions.csv", EVIDENCE),
    "evaluate": ("reports/evaluate/predictions.csv", PREDICTIONS),
    "removed": ("reports/cull/removed.csv", REMOVED),
}
# What a strategy of culling compares with `cull.confidence`; the others compare nothing with it.
_SCORES = {"evidence": "doubt", "misclassified": "likelihood"}
_PREFIX = "p_"

Stamp = tuple[int, int] | None


@dataclass(frozen=True)
class Manifest:
    """The data set as the tables have it.

    `frame` has a row for each picture of the split table under its id: its facts from images.csv and candidates.csv,
    `label`, `grade`, `side` and `group`, `keep` as culling left it and the `reason` where that is False, `origin`
    (source and set), what classifiers that never saw it say: `predicted` with its `certainty`, `verdict` (agrees,
    disagrees or unknown), and on the pool `suggested` with its `likelihood`, `wrong`, the faults, `doubt`, and
    `score`, which culling compares with `threshold`; None where it compares with nothing.
    `probabilities` are theirs by id and class. `groups` holds the ids of near-duplicates under their group. `culled`
    says whether culling has been done. `copies` and `rejects` are those of ingest.
    """

    frame: pd.DataFrame
    probabilities: pd.DataFrame
    groups: Mapping[str, tuple[str, ...]]
    threshold: float | None
    culled: bool
    copies: pd.DataFrame
    rejects: pd.DataFrame

    def relatives(self, identity: str) -> pd.DataFrame:
        """The rows of the near-duplicates of a picture, itself left out."""
        members = self.groups[self.frame.at[identity, "group"]]
        return self.frame.loc[[each for each in members if each != identity]]


class Tables:
    """The tables of the project in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._frames: dict[str, tuple[Stamp, pd.DataFrame]] = {}
        self._made: tuple[tuple[Stamp, ...], Manifest] | None = None

    def manifest(self) -> Manifest | None:
        """As the files are now; None where there is no data set yet.

        Raises `NightmareError` for a table or params.yaml that cannot be read. The answer is shared: do not change it.
        """
        paths = [self._root / path for path, _ in _FILES.values()]
        with self._lock:
            stamps = tuple(map(_stamp, [*paths, self._root / "params.yaml"]))
            if self._made is None or self._made[0] != stamps:
                read = {
                    name: self._read(name, path, table, stamp)
                    for (name, (_, table)), path, stamp in zip(_FILES.items(), paths, stamps, strict=False)
                    if stamp is not None
                }
                if "images" not in read or "split" not in read:
                    return None
                self._made = stamps, _joined(read, self._root / "params.yaml")
            return self._made[1]

    def _read(self, name: str, path: Path, table: Table, stamp: Stamp) -> pd.DataFrame:
        known = self._frames.get(name)
        if known is None or known[0] != stamp:
            self._frames[name] = known = stamp, read_table(path, table)
        return known[1]


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _joined(read: dict[str, pd.DataFrame], params: Path) -> Manifest:
    split = read.get("culled", read["split"])
    frame = split.merge(read["images"].drop(columns="group"), on="id", validate="one_to_one")
    none = pd.DataFrame()
    candidates = read.get("candidates", none)
    if len(candidates):
        found = candidates[["id", "sha256", "landing_url"]].rename(columns={"id": "candidate"})
        frame = frame.merge(found, on="candidate", how="left")
    else:
        frame = frame.assign(sha256="", landing_url="")
    frame = frame.fillna({"sha256": "", "landing_url": ""}).set_index("id", drop=False).rename_axis(None)
    frame["origin"] = [
        f"{source}:{identity.split(':')[0]}" if ":" in identity else source
        for source, identity in zip(frame["source"], frame["source_id"], strict=True)
    ]
    removed = read["removed"].set_index("id")["reason"] if "removed" in read else pd.Series(dtype="string")
    frame["reason"] = removed.reindex(frame.index).fillna("").mask(frame["keep"], "")
    probabilities = _predict(frame, [read[name] for name in ("crossval", "evaluate") if name in read])
    cull = load_params(params).cull
    _doubt(frame, read.get("crossval", none))
    frame["score"] = frame[_SCORES.get(cull.strategy, "doubt")]
    return Manifest(
        frame,
        probabilities,
        {str(group): tuple(sorted(ids)) for group, ids in frame.groupby("group").groups.items()},
        cull.confidence if cull.strategy in _SCORES else None,
        {"culled", "removed"} <= set(read),
        _copies(read.get("duplicates", none), candidates),
        read.get("rejects", none),
    )


def _predict(frame: pd.DataFrame, predictions: list[pd.DataFrame]) -> pd.DataFrame:
    """Add what was predicted to `frame`, and return the probabilities by id and class."""
    said = pd.concat(predictions).drop_duplicates("id").set_index("id") if predictions else pd.DataFrame()
    said = said.reindex(frame.index)
    columns = [column for column in said if column.startswith(_PREFIX)]
    probabilities = said[columns].astype(float).rename(columns=lambda column: column.removeprefix(_PREFIX))
    frame["predicted"] = said["predicted"].fillna("") if predictions else ""
    frame["certainty"] = probabilities.max(axis=1) if columns else float("nan")
    agrees = (frame["predicted"] == frame["label"]).map({True: "agrees", False: "disagrees"})
    frame["verdict"] = agrees.mask(frame["predicted"] == "", "unknown")
    return probabilities


def _doubt(frame: pd.DataFrame, evidence: pd.DataFrame) -> None:
    """Add what the evidence says about labels and pictures to `frame`."""
    numbers = ["wrong", *FAULTS, "doubt"]
    if evidence.empty:
        frame[["likelihood", *numbers]] = float("nan")
        frame["suggested"] = ""
        return
    classes = [column.removeprefix(_PREFIX) for column in evidence if column.startswith(_PREFIX)]
    facts = facts_of(evidence, classes).set_index("id").reindex(frame.index)
    frame[numbers] = facts[numbers]
    frame["likelihood"] = facts["confidence"]
    frame["suggested"] = facts["suggested"].fillna("")


def _copies(duplicates: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """The exact copies that ingest left out, with the `source_id` of each."""
    if duplicates.empty or candidates.empty:
        return duplicates.assign(source_id="")
    names = candidates.set_index("id")["source_id"]
    return duplicates.assign(source_id=names.reindex(duplicates["candidate"]).fillna("").to_numpy())
