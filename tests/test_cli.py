"""The command: what it makes, what it says, and its exit codes."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from nightmare.cli import app
from nightmare.train.model import ModelCard, save_model
from nightmare.train.network import MEAN, STD, build_network


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")
    torch.manual_seed(0)
    card = ModelCard(depth=18, classes=("a", "b"), pixels=32, mean=MEAN, std=STD, dataset="0" * 16, parameters={})
    save_model(tmp_path / "model", build_network(18, 2), card)
    (tmp_path / "photos").mkdir()
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "photos" / "sea.png")
    (tmp_path / "photos" / "page.jpg").write_bytes(b"<html>")
    return tmp_path


def nightmare(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.stdout, done.stderr


DREAM = ("dream", "photos", "-o", "out", "--model", "model", "--octaves", "1", "--iterations", "1", "--pixels", "64")


def test_dream_and_redream(workspace: Path) -> None:
    code, said, complaints = nightmare(*DREAM, "--objective", "class:b")
    assert code == 1
    assert "out/sea-class-b.png" in said
    assert "1 made, 0 there already, 1 refused" in said
    assert "photos/page.jpg: format" in complaints
    assert "error: 1 of 2 photos cannot be read" in complaints

    (workspace / "photos" / "page.jpg").unlink()
    assert nightmare(*DREAM, "--objective", "class:b")[:2] == (0, "0 made, 1 there already, 0 refused\n")
    code, _, complaints = nightmare(
        "redream", "out/sea-class-b.png", "-o", "again.png", "--model", "model", "--photo", "photos"
    )
    assert (code, complaints) == (0, "")
    assert (workspace / "again.png").read_bytes() == (workspace / "out" / "sea-class-b.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--layers", "layer9"), "no layer layer9 in the model: did you mean"),
        (("--objective", "class:c"), "no class c in the model"),
        (("--octaves", "0"), "octaves = 0"),
        (("--preset", "fewer"), "no preset fewer: choose of whisper"),
        (("--model", "absent"), "no model in absent"),
    ],
)
def test_a_wrong_wish_is_an_error_in_words(workspace: Path, arguments: tuple[str, ...], complaint: str) -> None:
    (workspace / "photos" / "page.jpg").unlink()
    code, _, complaints = nightmare(*DREAM, *arguments)
    assert code == 1
    assert complaints.startswith("error: ")
    assert complaint in complaints
