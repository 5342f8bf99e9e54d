"""What is searched for: concepts with graded terms, and how a term is found in the name of a drawing.

Input: a file such as `data/search.yaml`, for each concept the terms of grade A (exact), B (kin), C (loose) and words
that exclude.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from nightmare.errors import SourceError
from nightmare.sources.candidates import GRADES

__all__ = ["Concept", "Match", "TermIndex", "load_concepts", "words_of"]

_EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class Concept:
    """A class with its search terms: (grade, term) pairs, and the terms whose presence rules a name out."""

    name: str
    terms: tuple[tuple[str, str], ...]
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """The best concept for a name, the grade, and the term that found it."""

    concept: str
    grade: str
    term: str


class TermIndex:
    """All terms of all concepts, found in time that depends on the length of the name only."""

    def __init__(self, concepts: Sequence[Concept]) -> None:
        self._names = [concept.name for concept in concepts]
        self._found: dict[tuple[str, ...], list[tuple[str, int, str]]] = {}
        self._excluded: dict[tuple[str, ...], set[int]] = {}
        for order, concept in enumerate(concepts):
            for grade, term in concept.terms:
                self._found.setdefault(words_of(term), []).append((grade, order, term))
            for term in concept.exclude:
                self._excluded.setdefault(words_of(term), set()).add(order)
        self._longest = max(map(len, (*self._found, *self._excluded)), default=0)

    def best_match(self, names: tuple[str, ...]) -> Match | None:
        """The match of best grade over all `names` of one drawing, then of the concept that comes first.

        A term matches whole words, in any case, singular or plural: `frog` is in `Tree frogs`, not in `leapfrog`. A
        longer term takes the words from the shorter ones within it: `hand-lizard` is no `lizard`.
        """
        hits: list[tuple[str, int, str]] = []
        excluded: set[int] = set()
        for name in names:
            taken: list[range] = []
            for phrase, span in _phrases(words_of(name), self._longest):
                excluded |= self._excluded.get(phrase, set())
                inside = any(span.start >= other.start and span.stop <= other.stop and span != other for other in taken)
                if phrase in self._found and not inside:
                    hits += self._found[phrase]
                    taken.append(span)
        grade, order, term = min((hit for hit in hits if hit[1] not in excluded), default=("", -1, ""))
        return Match(self._names[order], grade, term) if grade else None


def load_concepts(path: str | Path) -> list[Concept]:
    """Read the concepts in the order of the file. Raises `SourceError` that names the concept at fault."""
    path = Path(path)
    try:
        tree = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"no {path}: restore it with `git checkout {path}`") from None
    except YAMLError as error:
        raise SourceError(f"{path} is not YAML: {error}") from None
    if not isinstance(tree, dict) or not tree:
        raise SourceError(f"{path} holds no concepts: restore it with `git checkout {path}`")
    return [_concept(str(name), entry, path) for name, entry in tree.items()]


def _concept(name: str, entry: object, path: Path) -> Concept:
    where = f"{path}: {name}"
    if not isinstance(entry, dict):
        raise SourceError(f"{where} needs lists of terms under A, B or C")
    if unknown := set(entry) - {*GRADES, _EXCLUDE}:
        raise SourceError(f"{where} has {', '.join(map(str, sorted(unknown)))}: known are A, B, C and {_EXCLUDE}")
    for key, terms in entry.items():
        if not isinstance(terms, list) or not all(isinstance(term, str) and words_of(term) for term in terms):
            raise SourceError(f"{where}.{key} is not a list of words: quote words such as `no`, leave out empty lists")
    graded = tuple((grade, term) for grade in GRADES for term in entry.get(grade, []))
    if not graded:
        raise SourceError(f"{where} has no terms: give it a list under A, B or C")
    return Concept(name, graded, tuple(entry.get(_EXCLUDE, [])))


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name in lower case: `skull-Crossbones2` as (skull, crossbones, 2)."""
    return tuple(re.findall(r"[^\W\d_]+|\d+", text.lower()))


def _phrases(words: tuple[str, ...], longest: int) -> Iterator[tuple[tuple[str, ...], range]]:
    """Every run of up to `longest` words and where it stands, long runs first.

    The last word comes also in the forms that may be its singular.
    """
    for length in range(min(longest, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            span = range(start, start + length)
            for last in _singulars(words[span[-1]]):
                yield (*words[start : span[-1]], last), span


def _singulars(word: str) -> Iterator[str]:
    """The word and what it may be the plural of: wrong guesses are harmless, no term is spelt like them."""
    yield word
    if word.endswith("s"):
        yield word[:-1]
    if word.endswith("es"):
        yield word[:-2]
    if word.endswith("ies"):
        yield word[:-3] + "y"
