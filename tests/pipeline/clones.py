"""A clone of the project in a folder of its own: tiny pictures, tiny parameters, and the real dvc to run in it.

`make_clone` takes what git holds or would add, so that a forgotten file is missed here as it would be elsewhere.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from ruamel.yaml import YAML

__all__ = ["ROOT", "Clone", "draw_classes", "make_clone", "stages_run", "write_params"]

ROOT = Path(__file__).parents[2]
_TINY = {
    "scrape.sources": ["folder"],
    "ingest.pixels": 32,
    "label.version": "folders",
    "label.smallest_class": 4,
    "split.folds": 2,
    "model.pixels": 32,
    "train.epochs": 1,
    "train.first_pixels": 32,
    "crossval.folds": 2,
    "crossval.repeats": 1,
    "robust.epochs": 1,
    "robust.pixels": 32,
    "judge.pixels": 32,
    "judge.epochs": 1,
    "cull.class_cap": 0.0,
    "cull.keep_at_least": 2,
    "dream.pixels": 64,
    "dream.octaves": 1,
    "dream.iterations": 1,
    "dream.classes": False,
    "dream.portraits": 1,
    "dream.album_octaves": [1],
    "dream.album_iterations": [1],
}


@dataclass(frozen=True)
class Clone:
    """The project in a `folder`, under git. `programs` is the folder whose `python` runs the stages."""

    folder: Path
    programs: Path = Path(sys.executable).parent

    @property
    def cache(self) -> Path:
        return self.folder / ".cache" / "nightmare"

    @property
    def environment(self) -> dict[str, str]:
        """No settings of the developer's own: stages import the library of this clone, dvc writes nowhere else."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "PYTHONPATH"))
        }
        return inherited | {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "NIGHTMARE_CACHE": str(self.cache),
            "NIGHTMARE_BACKEND": "sequential",  # new processes would import the libraries anew, for three pictures each
            "OMP_NUM_THREADS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(self.folder / ".dvc" / "tmp" / "global"),
            "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "tmp" / "site"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.folder / ".dvc" / "tmp" / "system"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }

    def run(self, *command: str) -> str:
        """The standard output of `command`. An error of the command fails the test with all that it said."""
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def git(self, *arguments: str) -> None:
        self.run("git", *arguments)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "all")

    def dvc(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def repro(self, *arguments: str) -> list[str]:
        """Run the pipeline and return the stages that dvc ran."""
        return stages_run(self.dvc("repro", *arguments))

    def change(self, **params: Any) -> None:
        """Set parameters, `section__key=value`, in the clone's params.yaml."""
        write_params(self.folder / "params.yaml", {name.replace("__", "."): value for name, value in params.items()})


def stages_run(output: str) -> list[str]:
    """The stages whose command dvc started; those that it restored from its run-cache are not among them."""
    return re.findall(r"^Running stage '(\w+)':", output, re.MULTILINE)


def make_clone(folder: Path, programs: Path = Clone.programs) -> Clone:
    """The project as git would hand it on, without results of earlier runs, with tiny pictures and parameters."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if name != "dvc.lock" and not name.startswith("reports/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    write_params(folder / "params.yaml", _TINY)
    draw_classes(folder / "data" / "own", count=14)
    clone = Clone(folder, programs)
    clone.git("init", "--quiet")
    clone.git("config", "user.name", "test")
    clone.git("config", "user.email", "test@localhost")
    clone.commit()
    return clone


def write_params(path: Path, changes: dict[str, Any]) -> None:
    """Change the parameters `section.key` in the file at `path`; its comments and its order stay."""
    yaml = YAML()
    tree = yaml.load(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        *sections, key = name.split(".")
        node = tree
        for section in sections:
            node = node[section]
        assert key in node, f"{path} has no parameter {name}"
        node[key] = value
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(tree, file)


def draw_classes(root: Path, *, count: int, side: int = 48) -> None:
    """Three folders of `count` pictures in `root`, each with a colour of its own, no two alike: PNG and JPEG by turns.

    The first pictures stay the same when `count` grows.
    """
    for channel, label in enumerate(("frogs", "lizards", "snakes")):
        colour = np.eye(3)[channel]
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            random = np.random.default_rng([number, channel])
            picture = Image.new("RGB", (side, side), tuple((20 + 90 * colour).astype(int).tolist()))
            draw = ImageDraw.Draw(picture)
            for _ in range(6):
                left, right, top, bottom = np.sort(random.integers(0, side, (2, 2))).ravel().tolist()
                shade = 120 * colour + random.integers(0, 130, 3)
                draw.rectangle([left, top, right, bottom], fill=tuple(shade.astype(int).tolist()))
            picture.save(root / label / f"{number:02d}.{'jpg' if number % 2 else 'png'}")
