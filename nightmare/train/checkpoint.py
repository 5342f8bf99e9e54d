"""Checkpoints: everything a training needs to go on after a kill, written atomically, outside the DVC outputs.

A checkpoint is keyed by all that determines the result, the training code included, so that a changed parameter,
data set or program never goes on from foreign weights.
"""

import fcntl
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from nightmare import seeds
from nightmare.atomic import atomic_path
from nightmare.cache import cache_directory
from nightmare.errors import InputError

__all__ = ["checkpoint_path", "load_checkpoint", "only_one", "save_checkpoint"]

_FILE = "checkpoint.pt"


def checkpoint_path(name: str, determinants: dict[str, Any]) -> Path:
    """Where the training `name` with these `determinants` keeps its checkpoint."""
    sources = [Path(seeds.__file__), *sorted(Path(__file__).parent.glob("*.py"))]
    program = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    libraries = {name: version(name) for name in ("numpy", "timm", "torch", "torchvision")}
    key = {**determinants, "program": program, "libraries": libraries}
    return cache_directory(name, key) / _FILE


@contextmanager
def only_one(path: Path, name: str) -> Iterator[None]:
    """Hold the checkpoint at `path` for this process. Raises `InputError` while another process holds it.

    A pipeline that was killed may leave its training running; a second one would write over its checkpoints.
    """
    with (path.parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another process is at the same training ({name}): wait until it ends or stop it, then run the same "
                f"command again; it holds {lock.name}"
            ) from None
        yield


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors and plain values) so that a kill leaves the old checkpoint or the new one."""
    # Through memory, since torch reports a full disk as an error of its own without a reason.
    content = io.BytesIO()
    torch.save(state, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state at `path`; None where there is none, or where the file is damaged and training must start again."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # what a damaged file raises depends on which of its bytes are wrong
        return None
    return state
