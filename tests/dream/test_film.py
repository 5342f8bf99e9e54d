"""Films: every frame made once and from the one before it, gone on with as if nothing had been, and in their order."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nightmare.data.canvases import Canvas
from nightmare.dream import film, forecast, workers
from nightmare.dream.engine import dream_pictures, to_picture
from nightmare.dream.film import enlarged, find_models, timelapse_film, zoom_film
from nightmare.dream.gallery import Commission
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError, ModelError
from nightmare.train.model import Model, load_model, save_model

RECIPE = Recipe(layers={"layer2": 1.0}, octaves=1, iterations=1, jitter=4)


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")


class InterruptionError(Exception):
    """As a key would do it, which pytest takes for its own."""


@pytest.fixture
def canvas(photos: Tensor) -> Canvas:
    return Canvas("sea", to_picture(photos[0]), "a" * 64, "CC0-1.0", "nobody")


@pytest.fixture
def trained(model: Model, tmp_path: Path) -> Path:
    """A folder with three models and something else, whose order by name is not that by number."""
    for number in (10, 9, 2):
        torch.manual_seed(number)
        torch.nn.init.normal_(model.network.conv1.weight, std=0.1)
        save_model(tmp_path / "training" / f"epoch-{number}", model.network, model.card)
    (tmp_path / "training" / "plots").mkdir()
    return tmp_path / "training"


def zoomed(
    path: Path, canvas: Canvas, folder: ModelFolder, *, frames: int = 3, recipe: Recipe = RECIPE, zoom: float = 1.1
) -> None:
    zoom_film(path, Commission(canvas, recipe), folder=folder, frames=frames, zoom=zoom, rate=25)


def content(path: Path) -> list[bytes]:
    """The files of all frames, by the numbers that they have for names."""
    files = path.with_suffix(".frames").glob("*.png")
    return [file.read_bytes() for file in sorted(files, key=lambda file: int(file.stem))]


def frame_count(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def picture(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


def interrupt_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Every dream from number `call` on, counted from 0, breaks off."""
    real, calls = film.painted, []

    def interrupted(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) > call:
            raise InterruptionError
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(film, "painted", interrupted)


def test_each_frame_is_dreamt_over_the_one_before_it(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, model: Model
) -> None:
    zoomed(tmp_path / "film.mp4", canvas, model_folder)
    start = canvas.image
    for number in range(3):
        (expected,) = dream_pictures(model, [start], RECIPE, names=[f"{canvas.sha256}/{number}"])
        made = picture(tmp_path / "film.frames" / f"{number:06}.png")
        assert made.tobytes() == expected.tobytes()
        start = enlarged(made, 1.1)
    assert frame_count(tmp_path / "film.mp4") == 3


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_frames_are_shown_in_the_order_in_which_they_were_made(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(film, "write_video", lambda path, pictures, **options: shown.extend(pictures))

    def shade(commission: Commission, *, folder: ModelFolder) -> tuple[Tensor, dict[int, float]]:
        number = int(commission.canvas.sha256.split("/")[1])
        return torch.full((3, 48, 64), 10 * number / 255), {}

    monkeypatch.setattr(film, "painted", shade)

    zoomed(tmp_path / name, canvas, model_folder, frames=12)
    assert [frame.getpixel((0, 0)) for frame in shown] == [(10 * number,) * 3 for number in range(12)]
    names = [file.name for file in (tmp_path / "film.frames").glob("*.png")]
    assert sorted(names) == sorted(names, key=lambda each: int(each[:-4]))


def test_a_film_gone_on_with_is_the_same_film(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoomed(tmp_path / "whole.mp4", canvas, model_folder, frames=8)
    with monkeypatch.context() as patched, pytest.raises(InterruptionError):
        interrupt_at(patched, 5)
        zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=8)
    left = sorted(path.name for path in (tmp_path / "film.frames").iterdir())
    assert left == [*(f"{number:06}.png" for number in range(5)), "film.json"]
    assert not (tmp_path / "film.mp4").exists()
    before = content(tmp_path / "film.mp4")
    zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=8)
    assert content(tmp_path / "film.mp4") == content(tmp_path / "whole.mp4")
    assert content(tmp_path / "film.mp4")[:5] == before
    assert (tmp_path / "film.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_frames_that_are_there_are_not_made_again(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=4)
    interrupt_at(monkeypatch, 0)
    zoomed(tmp_path / "film.gif", canvas, model_folder, frames=4)
    with Image.open(tmp_path / "film.gif") as shown:
        assert getattr(shown, "n_frames", 1) == 4
    zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=2)
    assert frame_count(tmp_path / "film.mp4") == 2
    with pytest.raises(InterruptionError):
        zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=5)


def test_the_model_is_loaded_once(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = workers.load_model, []

    def counted(directory: Path, **options: object) -> Model:
        calls.append(directory)
        return real(directory, **options)  # type: ignore[arg-type]

    workers._loaded.cache_clear()
    monkeypatch.setattr(workers, "load_model", counted)
    zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=4)
    assert calls == [model_folder.directory]


@pytest.mark.parametrize("change", ["recipe", "photo", "pixels", "zoom", "models", "kind"])
def test_frames_of_another_film_are_refused(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, change: str
) -> None:
    path = tmp_path / "film.mp4"
    zoomed(path, canvas, model_folder, frames=2)
    before = content(path)
    other = RECIPE.model_copy(update={"seed": 7}) if change == "recipe" else RECIPE
    if change == "photo":
        canvas = Canvas("sea", canvas.image, "b" * 64, "", "")
    elif change == "pixels":
        canvas = Canvas("sea", canvas.image.resize((80, 60)), canvas.sha256, "", "")
    folder = ModelFolder(model_folder.directory, "c" * 64) if change == "models" else model_folder
    with pytest.raises(
        InputError, match=rf"different: {change if change != 'kind' else 'zoom'}\): move the folder away"
    ):
        if change == "kind":
            timelapse_film(path, Commission(canvas, RECIPE), folders=[folder], seconds=1)
        else:
            zoomed(path, canvas, folder, recipe=other, frames=3, zoom=1.2 if change == "zoom" else 1.1)
    assert content(path) == before


def test_a_film_is_guided_and_masked(tmp_path: Path, canvas: Canvas, photos: Tensor, model_folder: ModelFolder) -> None:
    picture_of = {name: Canvas(name, to_picture(photos[n]), name * 64, "", "") for n, name in enumerate("gh", start=1)}
    edge = Image.new("L", canvas.image.size, 0)
    edge.paste(255, (32, 0, 64, 48))
    recipe = RECIPE.model_copy(update={"objective": "guided", "masks": [{}], "feather": 0.0})
    commission = Commission(canvas, recipe, guides=(picture_of["g"],), masks=(Canvas("m", edge, "m" * 64, "", ""),))
    zoom_film(tmp_path / "film.gif", commission, folder=model_folder, frames=2, zoom=1.1, rate=25)
    start = canvas.image
    for number in range(2):
        made = picture(tmp_path / "film.frames" / f"{number:06}.png")
        moved = (np.asarray(made, dtype=int) - np.asarray(start, dtype=int)).any(axis=(0, 2))
        # The mask stays where it is, while the photo grows through it.
        assert not moved[:32].any()
        assert moved[32:].all()
        start = enlarged(made, 1.1)
    timelapse_film(tmp_path / "lapse.gif", commission, folders=[model_folder], seconds=1)
    other = replace(commission, guides=(picture_of["h"],))
    for name, change in (("guides", {"guides": other.guides}), ("masks", {"masks": (picture_of["h"],)})):
        with pytest.raises(InputError, match=rf"different: {name}\)"):
            timelapse_film(tmp_path / "lapse.gif", replace(commission, **change), folders=[model_folder], seconds=1)
    timelapse_film(tmp_path / "other.gif", other, folders=[model_folder], seconds=1)
    assert content(tmp_path / "other.gif") != content(tmp_path / "lapse.gif")


def test_pictures_that_do_not_fit_are_refused_before_it_begins(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder
) -> None:
    square = Canvas("square", Image.new("L", (64, 64)), "b" * 64, "", "")
    masked, guided = (RECIPE.model_copy(update=change) for change in ({"masks": [{}]}, {"objective": "guided"}))
    for commission, words in (
        (Commission(canvas, masked), "layers for 1 masks and 0 are given"),
        (Commission(canvas, masked, masks=(square,)), "draw it over the photo"),
        (Commission(canvas, guided), "there is no guide"),
        (Commission(canvas, RECIPE, guides=(square,)), "ignores guides"),
    ):
        with pytest.raises(InputError, match=words):
            timelapse_film(tmp_path / "film.gif", commission, folders=[model_folder], seconds=1)
        with pytest.raises(InputError, match=words):
            zoom_film(tmp_path / "film.gif", commission, folder=model_folder, frames=1, zoom=1.1, rate=25)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_foretold(tmp_path: Path, canvas: Canvas, model_folder: ModelFolder) -> None:
    told: list[str] = []
    for frames in (2, 5, 4):
        zoom_film(
            tmp_path / "film.gif", Commission(canvas, RECIPE), folder=model_folder, frames=frames, zoom=1.1, rate=25,
            tell=lambda expected: told.append(str(expected)),
        )  # fmt: skip
    timelapse_film(
        tmp_path / "lapse.gif", Commission(canvas, RECIPE), folders=[model_folder] * 3, seconds=1,
        tell=lambda expected: told.append(str(expected)),
    )  # fmt: skip
    assert [words.split(",")[0] for words in told] == ["2 to make", "3 to make", "3 to make"]


def test_a_film_that_memory_cannot_hold_is_refused_before_it_begins(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "_BASE_BYTES", 1 << 50)
    with pytest.raises(InputError, match=r"takes about \d+.\d GB of memory"):
        zoomed(tmp_path / "film.mp4", canvas, model_folder)
    with pytest.raises(InputError, match=r"takes about \d+.\d GB of memory"):
        timelapse_film(tmp_path / "film.mp4", Commission(canvas, RECIPE), folders=[model_folder], seconds=1)
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_engine_are_refused(tmp_path: Path, canvas: Canvas, model_folder: ModelFolder) -> None:
    zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=1)
    record = tmp_path / "film.frames" / "film.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"engine": 1}))
    with pytest.raises(InputError, match="different: engine"):
        zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=1)


@pytest.mark.parametrize("record", [None, "my own notes"])
def test_frames_of_unknown_origin_are_refused(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, record: str | None
) -> None:
    frames = tmp_path / "film.frames"
    frames.mkdir()
    canvas.image.save(frames / "000000.png")
    if record:
        (frames / "film.json").write_text(record)
    with pytest.raises(InputError, match="move the folder away"):
        zoomed(tmp_path / "film.mp4", canvas, model_folder)
    assert (frames / "film.json").exists() == bool(record)


def test_a_recipe_that_failed_does_not_claim_the_folder(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder
) -> None:
    with pytest.raises(ModelError):
        zoomed(tmp_path / "film.mp4", canvas, model_folder, recipe=Recipe(layers={"layer9": 1.0}))
    zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=1)
    assert frame_count(tmp_path / "film.mp4") == 1


def test_a_damaged_frame_is_named(tmp_path: Path, canvas: Canvas, model_folder: ModelFolder) -> None:
    zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=2)
    damaged = tmp_path / "film.frames" / "000001.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    with pytest.raises(InputError, match=r"000001\.png cannot be read .*: remove it"):
        zoomed(tmp_path / "film.mp4", canvas, model_folder, frames=3)


@pytest.mark.parametrize(
    ("name", "frames", "zoom", "rate", "words"),
    [
        ("film.avi", 3, 1.1, 25, r"\.mp4 or \.gif"),
        ("film.mp4", 0, 1.1, 25, "one frame or more"),
        ("film.mp4", 216_001, 1.1, 25, "no more than 216000"),
        ("film.mp4", 3, 0.9, 25, "enlarged by 1 to 2"),
        ("film.mp4", 3, float("nan"), 25, "enlarged by 1 to 2"),
        ("film.mp4", 3, 1.1, 0, "1 to 60 per second"),
        ("film.mp4", 3, 1.1, 61, "1 to 60 per second"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_before_any_work(
    tmp_path: Path,
    canvas: Canvas,
    model_folder: ModelFolder,
    name: str,
    frames: int,
    zoom: float,
    rate: int,
    words: str,
) -> None:
    with pytest.raises(InputError, match=words):
        zoom_film(tmp_path / name, Commission(canvas, RECIPE), folder=model_folder, frames=frames, zoom=zoom, rate=rate)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "count", "seconds", "words"),
    [
        ("film.avi", 1, 1.0, r"\.mp4 or \.gif"),
        ("film.mp4", 0, 1.0, "one model or more"),
        ("film.mp4", 1, 0.01, r"0\.04 to 60 s"),
        ("film.mp4", 1, 61.0, r"0\.04 to 60 s"),
    ],
)
def test_a_timelapse_that_cannot_be_is_refused_before_any_work(
    tmp_path: Path, canvas: Canvas, model_folder: ModelFolder, name: str, count: int, seconds: float, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        timelapse_film(tmp_path / name, Commission(canvas, RECIPE), folders=[model_folder] * count, seconds=seconds)
    assert list(tmp_path.iterdir()) == []


def test_a_film_of_one_frame_and_of_odd_sides(tmp_path: Path, canvas: Canvas, model_folder: ModelFolder) -> None:
    odd = Canvas("odd", canvas.image.crop((0, 0, 63, 47)), "d" * 64, "", "")
    zoomed(tmp_path / "film.mp4", odd, model_folder, frames=1)
    with av.open(str(tmp_path / "film.mp4")) as container:
        (frame,) = container.decode(video=0)
    assert (frame.width, frame.height) == (64, 48)
    assert picture(tmp_path / "film.frames" / "000000.png").size == (63, 47)


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_what_is_enlarged_grows_about_the_centre(size: tuple[int, int]) -> None:
    width, height = size
    down, across = np.mgrid[:height, :width]
    radius = np.hypot(down - (height - 1) / 2, across - (width - 1) / 2)
    before = Image.fromarray(np.uint8(np.clip(12 - radius, 0, 1) * 255)).convert("RGB")
    after = enlarged(before, 1.5)
    assert after.size == size
    levels = [np.asarray(each.convert("L"), dtype=float) for each in (before, after)]
    # The disc's area grows by the square, and its centre stays where it was: in the middle between the borders.
    assert levels[1].sum() / levels[0].sum() == pytest.approx(1.5**2, rel=0.02)
    np.testing.assert_allclose(levels[1], levels[1][::-1, ::-1], atol=2)
    assert enlarged(before, 1.0).tobytes() == before.tobytes()


def test_models_of_a_folder_are_sorted_by_number(trained: Path, model_folder: ModelFolder) -> None:
    ordered = [trained / f"epoch-{number}" for number in (2, 9, 10)]
    assert find_models([trained]) == ordered
    assert find_models([model_folder.directory, trained]) == [model_folder.directory, *ordered]
    assert find_models(list(reversed(ordered))) == list(reversed(ordered))
    for nothing in (trained / "plots", trained / "absent"):
        with pytest.raises(ModelError, match="no model in"):
            find_models([trained, nothing])


def test_a_timelapse_has_one_frame_per_model_held_for_its_time(tmp_path: Path, canvas: Canvas, trained: Path) -> None:
    models = find_models([trained])
    folders = [ModelFolder.at(place) for place in models]
    timelapse_film(tmp_path / "film.mp4", Commission(canvas, RECIPE), folders=folders[:2], seconds=0.4)
    begun = content(tmp_path / "film.mp4")
    assert frame_count(tmp_path / "film.mp4") == 20
    timelapse_film(tmp_path / "film.mp4", Commission(canvas, RECIPE), folders=folders, seconds=0.2)
    assert frame_count(tmp_path / "film.mp4") == 15
    assert content(tmp_path / "film.mp4")[:2] == begun
    for number, place in enumerate(models):
        (expected,) = dream_pictures(load_model(place), [canvas.image], RECIPE, names=[canvas.sha256])
        assert picture(tmp_path / "film.frames" / f"{number:06}.png").tobytes() == expected.tobytes()
    assert len(set(content(tmp_path / "film.mp4"))) == 3
    # Fewer models again, and the record still knows whose the third frame is.
    timelapse_film(tmp_path / "film.mp4", Commission(canvas, RECIPE), folders=folders[:1], seconds=0.2)
    with pytest.raises(InputError, match="different: models"):
        timelapse_film(
            tmp_path / "film.mp4", Commission(canvas, RECIPE), folders=[*folders[:2], folders[0]], seconds=0.2
        )


def test_a_timelapse_is_gone_on_with(
    tmp_path: Path, canvas: Canvas, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [ModelFolder.at(place) for place in find_models([trained])]
    timelapse_film(tmp_path / "whole.gif", Commission(canvas, RECIPE), folders=folders, seconds=0.4)
    with Image.open(tmp_path / "whole.gif") as shown:
        assert (getattr(shown, "n_frames", 1), shown.info["duration"]) == (3, 400)
    with monkeypatch.context() as patched, pytest.raises(InterruptionError):
        interrupt_at(patched, 2)
        timelapse_film(tmp_path / "film.gif", Commission(canvas, RECIPE), folders=folders, seconds=0.4)
    assert len(content(tmp_path / "film.gif")) == 2
    # What is there needs no model any more.
    shutil.rmtree(folders[0].directory)
    timelapse_film(tmp_path / "film.gif", Commission(canvas, RECIPE), folders=folders, seconds=0.4)
    assert content(tmp_path / "film.gif") == content(tmp_path / "whole.gif")
    assert (tmp_path / "film.gif").read_bytes() == (tmp_path / "whole.gif").read_bytes()
