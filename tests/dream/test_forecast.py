"""What dreams will take: by what is to be computed and by the machine, with one rate for each network."""

from types import SimpleNamespace

import pytest

from nightmare.dream import forecast as module
from nightmare.dream.forecast import forecast
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError, ModelError

RECIPE = Recipe(layers={"layer2": 1.0}, octaves=1, iterations=1, jitter=4)
DEEPER = RECIPE.model_copy(update={"layers": {"layer3": 1.0}, "iterations": 4})


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes that were timed; layer3 takes 3 µs for each pixel, all else 1 µs."""
    recipes: list[Recipe] = []

    def seconds(recipe: Recipe, *, folder: ModelFolder, guides: int) -> float:
        recipes.append(recipe)
        return 3e-6 if "layer3" in recipe.layers else 1e-6

    monkeypatch.setattr(module, "_seconds_per_pixel", seconds)
    return recipes


def test_it_grows_with_the_work(model_folder: ModelFolder) -> None:
    brief = forecast(model_folder, [RECIPE], pixels=256)
    long = forecast(model_folder, [RECIPE.model_copy(update={"iterations": 100})], pixels=256)
    assert 20 < long.seconds / brief.seconds < 500
    assert (brief.dreams, brief.workers) == (1, 1)


def test_each_recipe_counts_over_every_photo(model_folder: ModelFolder, timed: list[Recipe]) -> None:
    both = forecast(model_folder, [RECIPE, DEEPER], pixels=64, photos=10, workers=1)
    assert both.seconds == pytest.approx(10 * 64 * 48 * (1e-6 + 4 * 3e-6))
    assert str(both) == "20 to make, about 0 s"


def test_each_network_is_timed_once(model_folder: ModelFolder, timed: list[Recipe]) -> None:
    changes = [
        {"seed": 1},
        {"seed": 2},
        {"octaves": 3},
        {"objective": "channel:3"},
        {"objective": "channel:3", "seed": 3},
    ]
    forecast(model_folder, [DEEPER, *(RECIPE.model_copy(update=change) for change in changes)], pixels=64)
    assert [(list(recipe.layers), recipe.objective) for recipe in timed] == [
        (["layer3"], "energy"), (["layer2"], "energy"), (["layer2"], "channel:3"),
    ]  # fmt: skip


def test_guides_and_the_layers_of_masks_take_their_time(model_folder: ModelFolder) -> None:
    def seconds(guides: int = 0, **change: object) -> float:
        recipe = RECIPE.model_copy(update={"layers": {"conv1": 1.0}, **change})
        return forecast(model_folder, [recipe], pixels=256, guides=guides).seconds

    plain = min(seconds() for _ in range(3))
    assert seconds(objective="guided", guides=3) > 3 * plain
    assert seconds(masks=[{"layer4": 1.0}]) > 2 * plain


def test_as_many_at_once_as_cores_and_memory_allow(
    model_folder: ModelFolder, timed: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(gigabytes: float, *, photos: int = 9, workers: int | None = None) -> module.Forecast:
        monkeypatch.setattr(module.psutil, "virtual_memory", lambda: SimpleNamespace(available=gigabytes * 2**30))
        return forecast(model_folder, [RECIPE], pixels=64, photos=photos, workers=workers)

    monkeypatch.setattr(module.os, "cpu_count", lambda: 4)
    assert told(99).workers == 4
    assert told(99).seconds == pytest.approx(9 * 64 * 48 * 1e-6 / 4)
    assert told(99, photos=3).workers == 3
    assert told(99, workers=1).workers == 1
    assert told(2).workers == 2
    with pytest.raises(InputError, match=r"takes about 0.9 GB of memory, 0.5 GB are free: choose a smaller --pixels"):
        told(0.5)


@pytest.mark.parametrize(
    "change", [{"layers": {"layer9": 1.0}}, {"objective": "class:x"}, {"objective": "channel:999"}]
)
def test_what_the_model_does_not_have_is_said_at_once(model_folder: ModelFolder, change: dict) -> None:
    with pytest.raises(ModelError, match=r"no (layer|class|channel) "):
        forecast(model_folder, [RECIPE, RECIPE.model_copy(update=change)], pixels=64)
