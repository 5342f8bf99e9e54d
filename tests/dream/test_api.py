"""What programs import: the names are there, and the example in the documents runs as it stands."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from torch import Tensor

import nightmare.dream
from nightmare.dream.engine import to_picture
from nightmare.dream.workers import ModelFolder

ROOT = Path(__file__).parents[2]


def test_every_name_is_that_of_its_module() -> None:
    from nightmare.dream import engine, presets, recipe
    from nightmare.train import model

    homes = {"PRESETS": presets, "Recipe": recipe, "load_model": model}
    assert sorted(nightmare.dream.__all__) == [
        "PRESETS",
        "Recipe",
        "dream",
        "dream_pictures",
        "dream_steps",
        "load_model",
    ]
    for name in nightmare.dream.__all__:
        assert getattr(nightmare.dream, name) is getattr(homes.get(name, engine), name)
    with pytest.raises(AttributeError, match="has no attribute nightmares"):
        nightmare.dream.nightmares  # noqa: B018 - the look is the test


def test_the_package_itself_imports_nothing_heavy() -> None:
    program = "import sys, nightmare.dream; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_example_in_the_documents_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_folder: ModelFolder, photos: Tensor
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/dream.md").read_text(), re.DOTALL)
    shutil.copytree(model_folder.directory, tmp_path / "models" / "robust")
    to_picture(photos[0]).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(example.replace("class:skulls", "class:skull"), {})  # noqa: S102 - our own text
    with Image.open(tmp_path / "dream.png") as picture:
        assert picture.size == (64, 48)
