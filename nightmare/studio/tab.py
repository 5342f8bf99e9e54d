"""What a tab of the studio is, and the parts that all of them share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter

from nightmare.studio.brush import Brush
from nightmare.studio.dreams import Dreamer
from nightmare.studio.library import Library
from nightmare.studio.limits import Limits
from nightmare.studio.manifest import Tables
from nightmare.studio.models import Catalogue

__all__ = ["NO_STORE", "STATIC", "Parts", "Tab"]

STATIC = Path(__file__).with_name("static")  # scripts, styles and templates of the page
NO_STORE = {"cache-control": "no-store"}  # for answers that nobody may keep


@dataclass(frozen=True)
class Parts:
    """What a studio is made of: `root` is the folder of the project, the others do what their classes say."""

    root: Path
    catalogue: Catalogue
    library: Library
    dreamer: Dreamer
    brush: Brush
    tables: Tables
    limits: Limits


@dataclass(frozen=True)
class Tab:
    """One tab: its `title`, its `hash` in the address, and what it consists of.

    `build` places its components in the Gradio tab that is open when it is called; `routes` are its own below /api;
    `scripts` are files in `static`, which define functions of `window.nightmare`.
    """

    hash: str
    title: str
    build: Callable[[Parts], None]
    routes: Callable[[Parts], APIRouter] | None = None
    scripts: tuple[str, ...] = ()
