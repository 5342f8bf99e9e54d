"""Portraits of classes and what a judge says of them, with networks whose answers are known."""

from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from nightmare.data.canvases import Canvas
from nightmare.dream import recognition as module
from nightmare.dream.engine import to_picture
from nightmare.dream.recipe import Recipe
from nightmare.dream.recognition import judged, noise, portrait_sheet, portraits, recognition, starting_points
from nightmare.errors import InputError, ModelError
from nightmare.train.model import Model, ModelCard
from nightmare.train.network import MEAN, STD, normalise

CLASSES = ("blue", "green", "red")


class Colours(nn.Module):
    """Gives a picture the class of the channel that is strongest in its mean."""

    def forward(self, images: Tensor) -> Tensor:
        shown = images * torch.tensor(STD).view(1, 3, 1, 1) + torch.tensor(MEAN).view(1, 3, 1, 1)
        means: Tensor = shown.mean(dim=(2, 3))
        return means.flip(1) + 0 * self.anchor

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))


@pytest.fixture
def judge() -> Any:
    card = ModelCard(
        architecture="resnet18", classes=CLASSES, pixels=16, mean=MEAN, std=STD, dataset="d", parameters={}
    )
    return Model(Colours(), card, "0" * 64)


def coloured(channel: int) -> Tensor:
    picture = torch.full((3, 32, 32), 0.2)
    picture[channel] = 0.8
    return picture


def test_the_share_counts_the_dreams_of_their_class(judge: Any) -> None:
    blue, green, red = (coloured(channel) for channel in (2, 1, 0))
    dreams = torch.stack([torch.stack([blue, blue]), torch.stack([green, red]), torch.stack([blue, green])])
    said = recognition(judge, dreams, CLASSES)
    assert said.share == pytest.approx(3 / 6)
    assert said.classes == {"blue": 1.0, "green": 0.5, "red": 0.0}
    assert said.n == 6
    assert said.error == pytest.approx(0.5 / 3**0.5), "by three classes, not by six dreams"


def test_the_judge_sees_dreams_as_it_was_trained_to_see(judge: Any) -> None:
    seen = []
    judge.network.register_forward_pre_hook(lambda network, given: seen.append(*given))
    dreams = torch.stack([coloured(channel) for channel in range(3)])
    recognition(judge, dreams[:, None], CLASSES)
    torch.testing.assert_close(seen, [normalise(dreams[:, :, :16, :16])])


def test_a_judge_of_other_classes_is_refused(judge: Any) -> None:
    with pytest.raises(ModelError, match="other classes"):
        recognition(judge, torch.zeros(2, 1, 3, 16, 16), ("frogs", "skulls"))


def test_noise_shows_nothing_and_belongs_to_its_seed() -> None:
    one, same, other = noise(2, 64, seed=1), noise(2, 64, seed=1), noise(2, 64, seed=2)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == (2, 3, 64, 64)
    assert abs(float(one.mean()) - 0.5) < 0.05
    assert 0.01 < float(one.std()) < 0.2


def test_starting_points_are_the_centres_of_the_photos() -> None:
    photo = Image.new("RGB", (80, 40), (255, 0, 0))
    photo.paste((0, 0, 255), (20, 0, 60, 40))
    canvas = Canvas("photo", photo, "0" * 64, "", "")
    clouds, squares = starting_points([canvas] * 3, count=2, pixels=32, seed=0)
    assert clouds.shape == squares.shape == (2, 3, 32, 32)
    assert torch.allclose(squares[0, :, 16, 16], torch.tensor([0.0, 0.0, 1.0]), atol=0.01)
    assert float(squares[:, 0].mean()) < 0.05, "red lies outside the centre square"


def test_more_photos_than_there_are_cannot_be_asked_for() -> None:
    canvas = Canvas("grey", Image.new("RGB", (40, 30)), "0" * 64, "", "")
    with pytest.raises(InputError, match="portraits ask for 3 photos and there are 2"):
        starting_points([canvas] * 2, count=3, pixels=32, seed=0)


def test_a_portrait_of_each_class_raises_the_probability_of_its_class(model: Model) -> None:
    starts = noise(2, 48, seed=0)
    recipe = Recipe(octaves=1, iterations=6, step_size=0.02, jitter=2, strength=1.0)
    made = portraits(model, starts, recipe)
    assert made.shape == (len(model.card.classes), 2, 3, 48, 48)
    with torch.no_grad():
        before = model.network(normalise(starts)).softmax(1)
        for index, pictures in enumerate(made):
            after = model.network(normalise(pictures)).softmax(1)
            assert (after[:, index] > before[:, index]).all()


def test_single_dreams_are_judged_by_their_middle_square(judge: Any) -> None:
    wide = torch.cat([coloured(0), coloured(2), coloured(0)], dim=2)  # red, blue in the middle, red
    seen: list[Tensor] = []
    judge.network.register_forward_pre_hook(lambda network, given: seen.append(*given))
    assert judged(judge, [to_picture(picture) for picture in (wide, coloured(1), coloured(0))]) == [
        "blue",
        "green",
        "red",
    ]
    assert [tuple(images.shape) for images in seen] == [(1, 3, 16, 16)] * 3


def test_a_sheet_names_class_and_share(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    real = module.contact_sheet
    monkeypatch.setattr(
        module,
        "contact_sheet",
        lambda pictures, captions, **given: written.extend(captions) or real(pictures, captions, **given),
    )
    dreams = torch.stack([coloured(channel).expand(2, 3, 32, 32) for channel in (2, 0, 0)])
    said = recognition(judge, dreams, CLASSES)
    sheet = portrait_sheet(dreams, said, cell=32, title="Dreams")
    assert written == ["blue\n100%", "", "green\n0%", "", "red\n100%", ""]
    assert sheet.height > 3 * 32
    assert sheet.width > 2 * 32
