"""Taxonomies: which classes a data set version has, and which concepts of the sources belong to each.

One YAML file per version in data/taxonomies/: a `description` and `classes`, which maps each class to a list of
concepts (the `class_hint` of candidates), or is the word `from_source` when each concept is a class of its own.
A concept listed twice belongs to the first of the classes. `search` names the file with the search terms of the
concepts, data/search.yaml unless said otherwise: versions that ask other things of one drawing search apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from nightmare.errors import InputError, ParameterError

__all__ = ["Taxonomy", "load_taxonomy"]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: str
    search: str = "data/search.yaml"
    classes: Literal["from_source"] | dict[str, list[str]]


@dataclass(frozen=True)
class Taxonomy:
    """A data set version: its name, the file with its search terms and, class by class, the concepts in it."""

    version: str
    search: Path
    classes: dict[str, list[str]]

    def label(self, concept: str) -> str:
        """The class of `concept`, empty when it has none in this version."""
        return next((name for name, concepts in self.classes.items() if concept in concepts), "")


def load_taxonomy(directory: Path, version: str, *, concepts: Iterable[str] = ()) -> Taxonomy:
    """Read `<version>.yaml`; `concepts` are those that occur, and the classes of a `from_source` taxonomy.

    Raises `ParameterError` for a version without a file and `InputError` for a file that is no taxonomy.
    """
    path = directory / f"{version}.yaml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in directory.glob("*.yaml"))) or "none"
        raise ParameterError(f"label.version = {version!r}: there is no {path}. Versions that exist: {known}")
    try:
        content = _File.model_validate(YAML(typ="safe").load(path.read_text(encoding="utf-8")))
    except (YAMLError, ValidationError) as error:
        raise InputError(f"{path} is no taxonomy, restore it with `git checkout {path}`: {error}") from None
    if content.classes == "from_source":
        classes = {concept: [concept] for concept in sorted(set(concepts))}
    else:
        classes = dict(content.classes)
    return Taxonomy(version, Path(content.search), classes)
