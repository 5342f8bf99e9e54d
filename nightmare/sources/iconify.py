"""Keyword search over openly licensed icon and emoji sets, drawn by hundreds of artists, pinned as npm packages.

Inputs: the pins in `data/packages.json` and the concepts of a file such as `data/search.yaml`. Output: one candidate
per drawing, under the concept that fits its name best. What keywords get wrong stays in: culling it is what this
project is about.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nightmare.parallel import parallel_map
from nightmare.sources.candidates import Candidate, Licence, capped
from nightmare.sources.drawings import emoji_names, read_drawings
from nightmare.sources.packages import Pin, fetch_packages
from nightmare.sources.terms import Concept, TermIndex, words_of

__all__ = ["IconifySource", "work_name"]

# What tells renderings of one motif apart: weight, line or area, colour, size of the grid, skin.
_STYLES = frozenset(
    words_of(
        "alt black bold broken circle color colored contrast dark duo duotone fill filled flat high light line linear "
        "medium mono monotone outline outlined outlines regular remix round rounded sharp skin small solid thin tone "
        "two twotone 12 16 20 24 28 32 48"
    )
)


@dataclass(frozen=True)
class IconifySource:
    """The source `iconify`: at most `cap` drawings per concept from the packages of `pins`."""

    concepts: Sequence[Concept]
    pins: Sequence[Pin]
    cap: int
    name: str = "iconify"
    left_out: Counter[str] = field(default_factory=Counter)

    def candidates(self) -> Iterator[Candidate]:
        """Fetch what is not in the cache, search all sets, yield the best. Raises `SourceError`."""
        paths = fetch_packages(self.pins)
        sets = [(pin, paths[pin.name]) for pin in self.pins]
        emoji = next((emoji_names(paths[pin.name]) for pin in self.pins if pin.layout == "openmoji"), {})
        search = partial(_search, source=self.name, concepts=self.concepts, emoji=emoji)
        found = parallel_map(search, sets, label="search icon sets", unit=" sets")
        kept, left_out = capped(
            (candidate for in_set in found for candidate in in_set),
            self.cap,
            key=lambda candidate: (candidate.class_hint, candidate.grade_hint, candidate.source_id),
        )
        self.left_out.update(left_out)
        yield from kept


def work_name(author: str, name: str) -> str:
    """Maker and motif of a drawing: `bytedance crab` of `icon-park-solid:crab` and of `icon-park:crab` alike.

    The maker is the first word of `author`, since sets of one maker vary its end; the motif is what is left of `name`
    without words of style. Two motifs of one name come out as one work: a split may be too careful, never too bold.
    """
    words = words_of(name)
    motif = [word for word in words if word not in _STYLES] or list(words)
    return " ".join([author.split()[0].lower(), *motif])


def _search(
    icon_set: tuple[Pin, Path], *, source: str, concepts: Sequence[Concept], emoji: Mapping[str, str]
) -> list[Candidate]:
    """The candidates of one set: content is made here, so that a set's whole file leaves the memory again."""
    pin, path = icon_set
    terms = TermIndex(concepts)
    candidates = []
    for drawing in read_drawings(path, pin.layout, emoji=emoji):
        match = terms.best_match(drawing.names)
        if match is None:
            continue
        candidates.append(
            Candidate(
                source=source,
                source_id=f"{pin.set_name}:{drawing.name}",
                query=match.term,
                class_hint=match.concept,
                grade_hint=match.grade,
                media=drawing.media,
                work=work_name(pin.author, drawing.names[0]),
                content=drawing.content(),
                licence=Licence(pin.licence, pin.licence_url, drawing.creator or pin.author),
                landing_url=pin.url,
            )
        )
    return candidates
