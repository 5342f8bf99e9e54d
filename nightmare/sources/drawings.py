"""Readers of icon and emoji packages: each layout of files becomes a stream of drawings with names and bytes.

Input: the tarball of a pinned package and the name of its layout. Output: `Drawing` records whose bytes are made on
demand, since a search wants one in a hundred.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from nightmare.errors import SourceError
from nightmare.sources.packages import read_member, read_members

__all__ = ["INK", "Drawing", "emoji_names", "icon_svg", "read_drawings"]

INK = "#222222"  # what `currentColor` becomes: near black, so that it shows on a light matte

Icon = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing: its name in the set, all names to search, media `svg` or `file`, its bytes, its artist if stated."""

    name: str
    names: tuple[str, ...]
    media: str
    content: Callable[[], bytes]
    creator: str = ""


def read_drawings(path: Path, layout: str, *, emoji: Mapping[str, str]) -> Iterator[Drawing]:
    """Yield the drawings of the package at `path`, laid out as one of the layouts of `Pin`.

    `emoji` names code points where a package does not (see `emoji_names`). Raises `SourceError` when the files of
    the package are not as its layout says.
    """
    try:
        if layout == "iconify":
            yield from _iconify(path)
        elif layout == "openmoji":
            yield from _openmoji(path)
        elif layout == "fluent-3d":
            yield from _fluent_3d(path, emoji)
        elif layout == "open-icon":
            yield from _svg_files(path, r"package/src/icons/[a-z-]+/icon_([^/]+)\.svg")
        else:
            yield from _svg_files(path, r"package/EBI-Species/static/svg/([^/]+)\.svg")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{path} is not laid out as {layout} ({error!r}): pin another version") from None


def emoji_names(openmoji: Path) -> dict[str, str]:
    """English names by code points, such as `1f438: frog`, from the tarball of the package `openmoji`.

    Python's own `unicodedata` would do, but knows other emoji in every version of Python.
    """
    table = json.loads(read_member(openmoji, "package/data/openmoji.json"))
    return {_code(entry["hexcode"]): entry["annotation"] for entry in table}


def icon_svg(icon: Icon, changes: Icon) -> bytes:
    """A standalone SVG document of an Iconify icon under the `changes` of an alias.

    `icon` has `body` and may have `left`, `top`, `width` and `height` (default 0, 0, 16, 16); `changes` may have
    `rotate` (quarter turns clockwise), `hFlip` and `vFlip`. The box is flipped first, then turned, around its centre.
    """
    left, top = icon.get("left", 0), icon.get("top", 0)
    width, height = icon.get("width", 16), icon.get("height", 16)
    middle = (left + width / 2, top + height / 2)
    body = icon["body"].replace("currentColor", INK)
    steps = []
    turns = changes.get("rotate", 0) % 4
    if turns:
        steps.append(f"rotate({90 * turns} {middle[0]:g} {middle[1]:g})")
    if changes.get("hFlip"):
        steps.append(f"matrix(-1 0 0 1 {2 * middle[0]:g} 0)")
    if changes.get("vFlip"):
        steps.append(f"matrix(1 0 0 -1 0 {2 * middle[1]:g})")
    if steps:
        body = f'<g transform="{" ".join(steps)}">{body}</g>'
    if turns % 2:
        width, height = height, width
        left, top = middle[0] - width / 2, middle[1] - height / 2
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width:g}" height="{height:g}" viewBox="{left:g} {top:g} {width:g} {height:g}">{body}</svg>\n'
    ).encode()


def _iconify(path: Path) -> Iterator[Drawing]:
    """One `icons.json`. An alias that changes nothing is one more name of its icon, any other is a drawing."""
    icons = json.loads(read_member(path, "package/icons.json"))
    aliases = icons.get("aliases", {})
    box = {side: icons[side] for side in ("left", "top", "width", "height") if side in icons}
    names: dict[str, list[str]] = defaultdict(list)
    changed: dict[str, tuple[str, Icon]] = {}
    for alias in aliases:
        parent, changes = _resolved(alias, aliases)
        if changes:
            changed[alias] = (parent, changes)
        else:
            names[parent].append(alias)
    for name, icon in icons["icons"].items():
        yield Drawing(name, (name, *names[name]), "svg", partial(icon_svg, box | icon, {}))
    for name, (parent, changes) in changed.items():
        icon = box | icons["icons"][parent] | changes
        yield Drawing(name, (name,), "svg", partial(icon_svg, icon, changes))


def _resolved(alias: str, aliases: Mapping[str, Icon]) -> tuple[str, Icon]:
    """The icon at the end of a chain of aliases, and all their changes together."""
    changes: dict[str, Any] = {}
    for _ in range(len(aliases)):
        step = aliases[alias]
        for key, value in step.items():
            if key == "rotate":
                changes[key] = changes.get(key, 0) + value
            elif key in ("hFlip", "vFlip"):
                changes[key] = changes.get(key, False) ^ value
            elif key in ("left", "top", "width", "height"):
                changes.setdefault(key, value)
        alias = step["parent"]
        if alias not in aliases:
            return alias, changes
    raise ValueError(f"alias {alias} leads back to itself")


def _openmoji(path: Path) -> Iterator[Drawing]:
    """Every emoji in colour and as a line drawing, each with its artist."""
    table = {entry["hexcode"]: entry for entry in json.loads(read_member(path, "package/data/openmoji.json"))}
    for member, content in read_members(path, r"package/(color|black)/svg/[0-9A-F-]+\.svg"):
        file = PurePosixPath(member)
        entry, style = table[file.stem], file.parts[1]
        yield Drawing(
            f"{style}-{file.stem.lower()}",
            (entry["annotation"],),
            "svg",
            partial(bytes, content),
            entry["openmoji_author"],
        )


def _fluent_3d(path: Path, emoji: Mapping[str, str]) -> Iterator[Drawing]:
    """WebP pictures named by code points; those that have no name cannot be searched and are passed over."""
    for member, content in read_members(path, r"package/assets/[0-9a-f-]+\.webp"):
        code = PurePosixPath(member).stem
        if name := emoji.get(_code(code)):
            yield Drawing(code, (name,), "file", partial(bytes, content))


def _svg_files(path: Path, pattern: str) -> Iterator[Drawing]:
    """SVG files whose name is the first group of `pattern`."""
    for member, content in read_members(path, pattern):
        name = re.sub(pattern, r"\1", member)
        yield Drawing(name, (name,), "svg", partial(bytes, content))


def _code(code_points: str) -> str:
    """Code points in one spelling: the variation selector U+FE0F is present or absent as each set pleases."""
    return code_points.lower().replace("-fe0f", "")
