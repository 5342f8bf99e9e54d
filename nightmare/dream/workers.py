"""A model as it is sent to worker processes: by its place. A network is too large to travel with every dream."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nightmare.device import best_device
from nightmare.dream.classifiers import load_classifier
from nightmare.train.model import Model, load_model

__all__ = ["ModelFolder"]


@dataclass(frozen=True)
class ModelFolder:
    """An absolute folder with a model, and the SHA-256 of its weights, so that a newer model there is loaded anew.

    With the name of a torchvision `classifier`, `directory` is a file with its weights.
    """

    directory: Path
    sha256: str
    classifier: str | None = None

    @classmethod
    def at(cls, place: Path, *, weights: Path | None = None) -> "ModelFolder":
        """The model in the folder `place`, or with `weights` the torchvision classifier of that name.

        Raises `ModelError` when it cannot be loaded.
        """
        model = load_classifier(str(place), weights) if weights else load_model(place)
        # Resolved only now: of a link that leads back to itself loading says so in words.
        return cls((weights or place).resolve(), model.sha256, str(place) if weights else None)

    def load(self) -> Model:
        """The model; a process reads it once."""
        return _loaded(self)


@lru_cache(maxsize=1)
def _loaded(folder: ModelFolder) -> Model:
    if folder.classifier:
        return load_classifier(folder.classifier, folder.directory, device=best_device())
    return load_model(folder.directory, device=best_device())
