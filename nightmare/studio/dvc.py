"""DVC's experiments, and their networks in its cache. DVC is asked as a program; nothing here writes to the project.

`dvc exp show` of all commits takes a minute, so only the commits are shown that `dvc exp list` has experiments of. The
networks are read where they lie in the cache, by their hashes: `dvc get` would copy hundreds of megabytes of each.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from nightmare.device import best_device
from nightmare.errors import InputError, ModelError
from nightmare.studio.experiments import Experiment, card_facts
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.models import Network
from nightmare.train.model import Model, load_model

__all__ = ["Dvc", "Found", "ask_dvc"]

Ask = Callable[[Sequence[str], Path], str]
# Networks of the pipeline, the last one first: an experiment is the last network that it has made anew.
_STAGES = ("robust", "retrain", "control", "train")
_WAITING = {
    "queued": "dvc queue start",
    "running": "dvc queue logs {name}",
    "failed": "dvc queue logs {name}",
}
_NOTHING = "DVC knows no experiments yet: `dvc exp run --set-param train.epochs=30` makes one."
_NO_DVC = "There is no DVC repository here: only the networks of this folder can be compared."


@dataclass(frozen=True)
class Found:
    """Experiments, and a sentence where there are none."""

    experiments: tuple[Experiment, ...] = ()
    sentence: str = ""


class Dvc:
    """The experiments of the repository in `root`; `ask` runs DVC with arguments in a folder."""

    def __init__(
        self,
        root: Path,
        *,
        ask: Ask | None = None,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root, self._ask = root, ask or partial(ask_dvc, seconds=limits.dvc_seconds)
        self._fresh_seconds, self._clock = limits.dvc_fresh_seconds, clock
        self._lock = threading.Lock()
        self._found: tuple[float, Found] | None = None
        self._outputs: dict[str, str] = {}  # hashes of networks by the names of their experiments
        self._cache = Path()

    def experiments(self) -> Found:
        """All of them. Takes seconds; a second one who asks meanwhile gets the same answer."""
        with self._lock:
            if self._found is None or self._clock() - self._found[0] > self._fresh_seconds:
                self._found = (self._clock(), self._look())
            return self._found[1]

    def network(self, name: str) -> Network:
        """The network of an experiment as it was last listed. Raises `ModelError` when it is not here."""
        with self._lock:
            last = self._found[1] if self._found else Found()
        experiment = _named(name, last)
        if experiment is None or experiment.missing:
            experiment = _named(name, self.experiments())
        if experiment is None:
            raise ModelError(f"no experiment {name!r}: `dvc exp list --all-commits` lists them")
        if experiment.missing:
            raise ModelError(f"{name} has no network here: run `{experiment.missing}`")
        digest = self._outputs[name]
        return Network(name, experiment.title, partial(_load, self._cache, digest), experiment.accuracy, digest)

    def _look(self) -> Found:
        if not (self._root / ".dvc").is_dir():
            return Found(sentence=_NO_DVC)
        try:
            listed = self._ask(["exp", "list", "--all-commits"], self._root)
            commits = dict.fromkeys(["HEAD", *re.findall(r"^(\S+):$", listed, re.MULTILINE)])
            revisions = [part for commit in commits for part in ("--rev", commit)]
            shown = json.loads(self._ask(["exp", "show", "--json", *revisions], self._root))
            self._cache = self._root / self._ask(["cache", "dir"], self._root).strip()
        except InputError as error:
            return Found(sentence=str(error))
        found = {experiment.name: experiment for experiment in self._all(shown)}
        return Found(tuple(found.values()), "" if found else _NOTHING)

    def _all(self, shown: list[dict[str, Any]]) -> Iterator[Experiment]:
        for commit in shown:
            before = _hashes(commit.get("data") or {})
            for entry in commit.get("experiments") or []:
                yield self._one(entry, before)

    def _one(self, entry: Mapping[str, Any], before: Mapping[str, str]) -> Experiment:
        state, last = (entry.get("executor") or {}).get("state", ""), entry["revs"][0]
        name = entry.get("name") or last["rev"][:7]
        data = last.get("data") or {}
        params = ((data.get("params") or {}).get("params.yaml") or {}).get("data") or {}
        hashes = _hashes(data)
        stage = next((stage for stage in _STAGES if stage in hashes and hashes[stage] != before.get(stage)), "")
        stage = stage or next((stage for stage in _STAGES if stage in hashes), _STAGES[0])
        experiment = Experiment(name, name, accuracy=_accuracy(data, stage))
        if command := _WAITING.get(state.lower(), ""):
            model, classes, settings = card_facts(Path(), params, stage=stage)
            return replace(experiment, data=classes, settings=settings, missing=command.format(name=name))
        self._outputs[name] = hashes.get(stage, "")
        files = _cached_files(self._cache, self._outputs[name])
        model, classes, settings = card_facts(files.get("model.json", Path()), params, stage=stage)
        missing = "" if files else f"dvc exp apply {name}; dvc repro {stage}"
        return replace(experiment, model=model, data=classes, settings=settings, missing=missing)


def _named(name: str, found: Found) -> Experiment | None:
    return next((experiment for experiment in found.experiments if experiment.name == name), None)


def ask_dvc(arguments: Sequence[str], folder: Path, *, seconds: float = LIMITS.dvc_seconds) -> str:
    """What DVC says. Raises `InputError` with its words when it fails, is absent, or takes too long."""
    command = [sys.executable, "-m", "dvc", *arguments]
    said = f"`dvc {' '.join(arguments[:2])}`"
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{said} did not answer within {seconds:.0f} s: try it in a terminal") from None
    if done.returncode:
        words = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.strip()]
        raise InputError(f"{said} failed: {words[-1] if words else done.returncode}")
    return done.stdout


def _hashes(data: Mapping[str, Any]) -> dict[str, str]:
    """Of the networks, by the stage that makes them."""
    outs = data.get("outs") or {}
    return {stage: hash for stage in _STAGES if (hash := (outs.get(f"models/{stage}") or {}).get("hash"))}


def _accuracy(data: Mapping[str, Any], stage: str) -> float | None:
    metrics = (data.get("metrics") or {}).get(f"reports/{stage}/metrics.json") or {}
    accuracy = (metrics.get("data") or {}).get("accuracy")
    return accuracy if isinstance(accuracy, float) else None


def _cached_files(cache: Path, digest: str) -> dict[str, Path]:
    """The files of a network's folder by their names, empty unless all of them are in the cache."""
    at = cache / "files" / "md5"
    try:
        listed = json.loads((at / digest[:2] / digest[2:]).read_text(encoding="utf-8"))
        files = {str(entry["relpath"]): at / entry["md5"][:2] / entry["md5"][2:] for entry in listed}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return files if all(file.is_file() for file in files.values()) else {}


def _load(cache: Path, digest: str) -> Model:
    """The model in the cache, by way of a folder that is gone afterwards. Raises `ModelError` as `load_model` does."""
    with tempfile.TemporaryDirectory(prefix="nightmare-experiment-") as name:
        for file, cached in _cached_files(cache, digest).items():
            place = Path(name) / Path(file).name
            if place.name == "model.json":
                place.write_text(_card_of_today(cached.read_text(encoding="utf-8")), encoding="utf-8")
            else:
                place.symlink_to(cached.resolve())
        try:
            return load_model(name, device=best_device())
        except ModelError as error:
            raise ModelError(str(error).replace(f"{name}/", "")) from None


def _card_of_today(text: str) -> str:
    """A card as `load_model` reads it: older ones name a ResNet by its depth alone."""
    try:
        card = json.loads(text)
        card["architecture"] = f"resnet{card.pop('depth')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
    return json.dumps(card)
