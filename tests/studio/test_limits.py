"""The table of limits: none of them is dead."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import nightmare.studio
from nightmare.studio.limits import Limits

SOURCES = list(Path(nightmare.studio.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_limit_is_used(name: str) -> None:
    used = [path.name for path in SOURCES if re.search(rf"(limits|LIMITS|self)\.{name}\b", path.read_text("utf-8"))]
    assert used
