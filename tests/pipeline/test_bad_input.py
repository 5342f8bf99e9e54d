"""Bad input and bad luck: every stage says what to mend in a line or two, and leaves what was there as it was."""

import io
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clones import ROOT, draw_classes, write_params
from PIL import Image

from nightmare.tables import IMAGES, REJECTS, read_table

STAGES = (
    "scrape",
    "ingest",
    "label",
    "split",
    "train",
    "crossval",
    "cull",
    "retrain",
    "robust",
    "judge",
    "evaluate",
    "dream",
)
ARGUMENTS = {
    "train": ("train", "train", "data/split.csv"),
    "retrain": ("train", "retrain", "data/culled.csv"),
    "robust": ("train", "robust", "data/culled.csv"),
    "judge": ("train", "judge", "data/split.csv"),
}


class Project:
    """A folder with parameters and pictures of three classes, in which stages run by themselves, without dvc."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        shutil.copytree(ROOT / "data" / "taxonomies", folder / "data" / "taxonomies")
        shutil.copy(ROOT / "params.yaml", folder)
        self.change({"scrape.sources": ["folder"], "label.version": "folders", "label.smallest_class": 4})
        draw_classes(folder / "data" / "own", count=8)

    def change(self, params: dict[str, object]) -> None:
        write_params(self.folder / "params.yaml", params)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "NIGHTMARE_BACKEND": "sequential",
            "NIGHTMARE_CACHE": str(self.folder / "cache"),
            "PYTHONPATH": str(ROOT),
        }

    def command(self, stage: str) -> list[str]:
        name, *arguments = ARGUMENTS.get(stage, (stage,))
        return ["-m", f"stages.{name}", *arguments]

    def stage(self, name: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.programs / "python", *self.command(name)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )

    def run(self, *stages: str) -> None:
        for name in stages:
            done = self.stage(name)
            assert done.returncode == 0, done.stderr

    def refusal(self, stage: str) -> str:
        """The message of a stage that must fail in a decent way and leave every file as it was."""
        before = self.files()
        done = self.stage(stage)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
        assert self.files() == before
        return done.stderr

    def files(self) -> dict[str, bytes | None]:
        """Every path with its content, None for a folder; the cache may change at any time."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.folder.rglob("*"))
            if "cache" not in path.parts
        }


@pytest.fixture
def project(tmp_path: Path, programs: Path) -> Project:
    return Project(tmp_path, programs)


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "evaluate"])  # which reads no parameters
def test_a_typo_in_the_parameters_is_named_with_its_line(project: Project, stage: str) -> None:
    path = project.folder / "params.yaml"
    lines = path.read_text().splitlines()
    line = next(number for number, text in enumerate(lines) if "learning_rate:" in text)
    lines[line] = lines[line].replace("learning_rate", "lerning_rate")
    path.write_text("\n".join(lines))
    message = project.refusal(stage)
    assert f"params.yaml line {line + 1}: train.lerning_rate" in message
    assert "did you mean learning_rate?" in message


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("scrape.cap", 0, "greater than or equal to 1"),
        ("split.test_share", 1.5, "less than 0.9"),
        ("model.depth", 20, "18, 34, 50, 101 or 152"),
        ("train.epochs", "ten", "valid integer"),
    ],
)
def test_a_value_out_of_range_is_named_with_the_range(project: Project, name: str, value: object, rule: str) -> None:
    project.change({name: value})
    message = project.refusal("scrape")
    assert f"{name} = {value!r}" in message
    assert rule in message


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_stage_without_its_input_says_what_to_run(project: Project, stage: str) -> None:
    assert "run `dvc repro" in project.refusal(stage)


def remove_everything(own: Path) -> None:
    shutil.rmtree(own)


def remove_classes(own: Path) -> None:
    for folder in own.iterdir():
        shutil.rmtree(folder)


def empty_a_class(own: Path) -> None:
    shutil.rmtree(own / "frogs")
    (own / "frogs").mkdir()


def leave_a_picture_outside(own: Path) -> None:
    shutil.copy(own / "frogs" / "00.png", own / "frog.png")


def link_to_elsewhere(own: Path) -> None:
    (own / "frogs" / "passwords").symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove_everything, "no folder data/own: make it"),
        (remove_classes, "data/own holds no class folders: put the pictures into"),
        (empty_a_class, "data/own/frogs is empty: put pictures into it or remove it"),
        (leave_a_picture_outside, "data/own/frog.png lies in no class folder: move it"),
        (link_to_elsewhere, "is a link out of"),
    ],
)
def test_a_folder_that_cannot_be_used_leaves_the_last_results(
    project: Project, spoil: Callable[[Path], None], message: str
) -> None:
    project.run("scrape")
    spoil(project.folder / "data" / "own")
    assert message in project.refusal("scrape")


def test_one_class_is_not_enough(project: Project) -> None:
    for name in ("lizards", "snakes"):
        shutil.rmtree(project.folder / "data" / "own" / name)
    project.run("scrape", "ingest")
    message = project.refusal("label")
    assert "needs two classes of at least 4 images, there are: frogs 8" in message
    assert "Add pictures" in message


def test_an_unknown_version_names_the_known_ones(project: Project) -> None:
    project.run("scrape", "ingest")
    project.change({"label.version": "hydra"})
    assert "Versions that exist: anf, folders, idl, impn" in project.refusal("label")


def bomb() -> bytes:
    file = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(file, "PNG")
    return file.getvalue()


def test_broken_files_among_good_ones_are_listed_and_the_run_goes_on(project: Project) -> None:
    own = project.folder / "data" / "own"
    good = (own / "frogs" / "01.jpg").read_bytes()
    bad = {
        "frogs/bomb.png": (bomb(), "pixels"),
        "frogs/page.jpg": (b"<!doctype html><title>404</title>", "format"),
        "lizards/nothing.png": (b"", "empty"),
        "lizards/text.jpg": (b"no picture at all", "format"),
        "snakes/truncated.jpg": (good[: len(good) // 2], "damaged"),
    }
    for name, (content, _) in bad.items():
        (own / name).write_bytes(content)
    # The extension alone says nothing: a picture under a wrong one is a picture.
    shutil.move(own / "snakes" / "00.png", own / "snakes" / "00.jpg")

    project.run("scrape", "ingest", "label", "split")
    rejects = read_table(project.folder / "data" / "rejects.csv", REJECTS)
    assert dict(zip(rejects["source_id"], rejects["reason"], strict=True)) == {
        name: reason for name, (_, reason) in bad.items()
    }
    assert (rejects["detail"] != "").all()
    images = read_table(project.folder / "data" / "images.csv", IMAGES)
    assert len(images) == 24
    assert "snakes/00.jpg" in set(images["source_id"])


def put_a_file(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.write_text("in the way")


def put_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()


@pytest.mark.parametrize(
    ("stage", "block", "where"),
    [
        ("scrape", put_a_file, "reports"),
        ("scrape", put_a_file, "reports/scrape"),
        ("scrape", put_a_file, "data/raw"),
        ("scrape", put_a_folder, "data/candidates.csv"),
        ("ingest", put_a_file, "data/images"),
        ("ingest", put_a_folder, "data/images.csv"),
    ],
)
def test_an_output_that_cannot_be_written_is_named(
    project: Project, stage: str, block: Callable[[Path], None], where: str
) -> None:
    project.run("scrape", "ingest")
    block(project.folder / where)
    message = project.refusal(stage)
    assert where in message
    assert "move it away" in message


@pytest.mark.parametrize("stage", ["scrape", "ingest"])
def test_a_file_that_the_system_cuts_off_leaves_the_last_results(project: Project, stage: str) -> None:
    project.run("scrape", "ingest")
    before = project.files()
    done = subprocess.run(
        [sys.executable, *project.command(stage)],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)),
    )
    assert done.returncode == 1
    assert "ulimit -f" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.files() == before


def can_mount() -> bool:
    program = shutil.which("unshare")
    return bool(program) and subprocess.run([program, "-rm", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs a system that lets anybody mount a file system of their own")
@pytest.mark.parametrize("stage", ["scrape", "ingest"])
def test_a_full_disk_leaves_the_last_results(project: Project, stage: str) -> None:
    project.run("scrape", "ingest")
    (project.folder / "disk").mkdir()
    # The disk exists for this script alone, and so the script itself must look what is left on it.
    script = """
        mount -t tmpfs -o size=1M none disk && cp -r params.yaml data reports disk && cd disk
        head -c 20000 /dev/zero > gap; cat /dev/zero > filler; rm gap
        "$@"; code=$?
        for folder in data reports; do diff -r $folder ../$folder; done
        exit $code
    """
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", sys.executable, *project.command(stage)],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "free some disk space" in done.stderr
    assert "Traceback" not in done.stderr
