"""The table of limits: it allows what was decided, and none of it is dead."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import nightmare.studio
from nightmare.studio.limits import LIMITS, Limits

SOURCES = list(Path(nightmare.studio.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_limit_is_used(name: str) -> None:
    used = [path.name for path in SOURCES if re.search(rf"(limits|LIMITS|self)\.{name}\b", path.read_text("utf-8"))]
    assert used


def test_limits_are_those_that_were_decided() -> None:
    """Whoever changes one of these changes what a page, a person or a machine can rely on."""
    decided = {
        "upload_bytes": 20_000_000,
        "megapixels": 24,
        "smallest_side": 32,
        "small_side": 224,
        "largest_side": 2048,
        "dream_seconds": 120,
        "octaves": 9,
        "iterations": 100,
        "dreams_waiting": 8,
        "frames_per_second": 4,
        "frame_seconds": 60,
        "frame_jobs": 16,
        "result_seconds": 3600,
        "session_results": 12,
        "patches_waiting": 4,
        "patch_side_min": 32,
        "patch_side_max": 512,
        "patch_bytes": 2**20,
        "undo_steps": 20,
        "undo_bytes": 256_000_000,
        "compared": 6,
        "album_megapixels": 40,
        "gradio_sweep_seconds": 600,
        "gradio_file_seconds": 3600,
        "page_size": 96,
        "json_bytes": 64 * 1024,
    }
    assert {name: getattr(LIMITS, name) for name in decided} == decided
