"""The table of icon sets in docs/icon-sets.md, made from data/packages.json.

Run `python -m nightmare.sources.icon_sets` after a change of the pins.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nightmare.atomic import atomic_path
from nightmare.errors import exit_code
from nightmare.sources.licences import OPEN_LICENCES
from nightmare.sources.packages import Pin, load_pins

__all__ = ["DOCUMENT", "icon_sets_document", "main"]

DOCUMENT = Path("docs/icon-sets.md")
_MEGABYTE = 10**6


def icon_sets_document(pins: Sequence[Pin]) -> str:
    """The whole document as Markdown: the sets, what their licences ask, and how to change the list."""
    total = sum(pin.length for pin in pins) / _MEGABYTE
    sets_per_licence = Counter(pin.licence for pin in pins)
    rows = [
        f"| [{pin.title}]({pin.url}) | `{pin.name}` | {pin.version} | [{pin.licence}]({pin.licence_url}) "
        f"| {pin.author} | {pin.length / _MEGABYTE:.2f} |"
        for pin in pins
    ]
    licences = [
        f"| {licence} | {sets_per_licence[licence]} | {reason} |"
        for licence, reason in OPEN_LICENCES.items()
        if sets_per_licence[licence]
    ]
    return "\n".join(
        [
            "<!-- Made by `python -m nightmare.sources.icon_sets` from data/packages.json: change that, not this. -->",
            "",
            "# Icon sets",
            "",
            f"The source `iconify` searches {len(pins)} sets, {total:.0f} MB of npm packages, fetched once and checked",
            "against the sha512 that `data/packages.json` pins. Every candidate carries the licence and author of its",
            "set, or the artist of the single drawing where the set names them.",
            "",
            "| licence | sets | what it asks |",
            "| --- | --- | --- |",
            *licences,
            "",
            "Left out: sets under other terms (NonCommercial, NoDerivatives, unknown), most sets of logos (they",
            "are trademarks whatever the drawing's licence), and sets with too few finds for their weight.",
            "",
            "| set | package | version | licence | author | MB |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "To add a set, read its licence, run `npm pack NAME --json`, copy version, integrity and length (npm says",
            "size) to a new entry of `data/packages.json`, and make this page again.",
            "",
        ]
    )


def main() -> None:
    """Write the document."""
    with atomic_path(DOCUMENT) as path:
        path.write_text(icon_sets_document(load_pins()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(exit_code(main))
