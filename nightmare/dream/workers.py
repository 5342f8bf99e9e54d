"""A model as it is sent to worker processes: by its place. A network is too large to travel with every dream."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nightmare.device import best_device
from nightmare.train.model import Model, load_model

__all__ = ["ModelFolder"]


@dataclass(frozen=True)
class ModelFolder:
    """An absolute folder with a model, and the SHA-256 of its weights, so that a newer model there is loaded anew."""

    directory: Path
    sha256: str

    def load(self) -> Model:
        """The model; a process reads it once."""
        return _loaded(self)


@lru_cache(maxsize=1)
def _loaded(folder: ModelFolder) -> Model:
    return load_model(folder.directory, device=best_device())
