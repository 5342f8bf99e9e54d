from pathlib import Path

import pytest

from nightmare.sources.icon_sets import DOCUMENT, icon_sets_document, main
from nightmare.sources.licences import OPEN_LICENCES
from nightmare.sources.packages import load_pins

PROJECT = Path(__file__).parents[2]


def test_the_document_is_fresh() -> None:
    document = (PROJECT / DOCUMENT).read_text(encoding="utf-8")
    assert document == icon_sets_document(load_pins(PROJECT / "data" / "packages.json")), (
        "run `python -m nightmare.sources.icon_sets`"
    )


def test_the_document_names_every_set_and_every_licence_in_use() -> None:
    pins = load_pins(PROJECT / "data" / "packages.json")
    document = icon_sets_document(pins)
    assert all(f"`{pin.name}` | {pin.version} |" in document for pin in pins)
    assert {pin.licence for pin in pins} == set(OPEN_LICENCES)


def test_main_writes_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(PROJECT / "data")
    main()
    assert (tmp_path / DOCUMENT).read_text(encoding="utf-8") == (PROJECT / DOCUMENT).read_text(encoding="utf-8")
