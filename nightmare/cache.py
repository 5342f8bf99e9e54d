"""Where work that must outlive a stage is kept: checkpoints, fetched packages, training arrays.

DVC deletes the outputs of a stage before it runs, so these live in `.cache/nightmare/` beside dvc.yaml, ignored by
git and DVC and safe to delete. `NIGHTMARE_CACHE` moves the folder.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["cache_directory", "cache_root", "fingerprint"]


def cache_root() -> Path:
    """The cache folder. Queued experiments run in a copy below `.dvc/tmp/exps` and share the project's own folder."""
    if configured := os.environ.get("NIGHTMARE_CACHE"):
        return Path(configured)
    root = Path(os.environ.get("DVC_ROOT", ".")).resolve()
    for parent in root.parents:
        if parent.name == "exps" and parent.parent.name == "tmp" and parent.parent.parent.name == ".dvc":
            root = parent.parent.parent.parent
            break
    return root / ".cache" / "nightmare"


def fingerprint(determinants: dict[str, Any]) -> str:
    """A 16-digit hexadecimal hash of JSON-like `determinants`, independent of the order of keys."""
    text = json.dumps(determinants, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cache_directory(name: str, determinants: dict[str, Any]) -> Path:
    """The folder `<name>-<hash of determinants>` in the cache, created if absent."""
    directory = cache_root() / f"{name}-{fingerprint(determinants)}"
    directory.mkdir(parents=True, exist_ok=True)
    return directory
