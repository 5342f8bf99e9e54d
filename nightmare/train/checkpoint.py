"""Checkpoints: everything a training needs to go on after a kill, written atomically, outside the DVC outputs.

A checkpoint is keyed by all that determines the result, the training code included, so that a changed parameter,
data set or program never goes on from foreign weights.
"""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import torch

from nightmare.atomic import atomic_path
from nightmare.cache import cache_directory

__all__ = ["checkpoint_path", "load_checkpoint", "save_checkpoint"]

_FILE = "checkpoint.pt"


def checkpoint_path(name: str, determinants: dict[str, Any]) -> Path:
    """Where the training `name` with these `determinants` keeps its checkpoint."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    program = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    key = {**determinants, "program": program, "torch": torch.__version__}
    return cache_directory(name, key) / _FILE


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors and plain values) so that a kill leaves the old checkpoint or the new one."""
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state at `path`; None where there is none, or where the file is damaged and training must start again."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except (RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    return state
