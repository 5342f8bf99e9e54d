"""One warm Python for all tests of this folder that run stages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from warm import warm_python


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """A folder with a `python` that starts stages without delay."""
    with warm_python() as folder:
        yield folder
