"""The studio as it is, with a network that was really trained: nothing here is a stub."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from made_pictures import file_of, picture
from pages import RESULT, chosen, dream, more_controls, set_slider
from PIL import Image
from visiting import RealServer, Visitor, running

from nightmare.dream.engine import dream as dreamt
from nightmare.dream.engine import to_picture, to_tensor
from nightmare.dream.picture import provenance_within
from nightmare.studio.models import PLAIN, find_networks

PHOTO = file_of(picture(280, 224))


@pytest.fixture
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with running(RealServer(tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("temporary"))) as server:
        yield server


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As the studio's process has it: sums of more threads are rounded otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_dream_of_the_page_is_the_library_s(
    real_server: RealServer, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    visitor = visit(real_server)
    page = visitor.open()
    assert "No trained nightmare yet" in page.inner_text("main")
    chosen(page, PHOTO)
    more_controls(page)
    for name, value in (("octaves", 2), ("iterations", 4), ("side", 288), ("seed", 7)):
        set_slider(page, name, value)
    dream(page)
    page.wait_for_selector(RESULT, timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save PNG").click()
    download.value.save_as(tmp_path / "dream.png")

    saved = (tmp_path / "dream.png").read_bytes()
    made = provenance_within(saved)
    assert made
    recipe = made.recipe
    assert (recipe.octaves, recipe.iterations, recipe.seed, made.pixels) == (2, 4, 7, 280)
    model = {network.name: network for network in find_networks(tmp_path, tmp_path)}[PLAIN].load()
    assert made.model == model.sha256
    photo = to_tensor(Image.open(io.BytesIO(PHOTO)))
    expected = np.asarray(to_picture(dreamt(model, photo, recipe, names=[made.canvas])[0]))
    shown = np.asarray(Image.open(io.BytesIO(saved)).convert("RGB"))
    assert (shown == expected).all()
    assert np.abs(shown.astype(int) - np.asarray(to_picture(photo[0])).astype(int)).mean() > 1, (
        "it is no photo any more"
    )
