"""The pictures that this engine makes of recipes, in golden.json: `python -m tests.dream.golden` writes them.

Whatever changes them has changed the dreams that `redream` promises again, so they are written only once `ENGINE` in
nightmare/dream/recipe.py has gone up. At the same engine what is stored stays, and new recipes join. Each picture lies
beside the complete recipe that it was made by, as in a dream: another preset or default is another recipe, and no
reason for another engine. `precision: bfloat16` is absent, since processors round it differently.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from nightmare.dream.engine import dream
from nightmare.dream.presets import PORTRAIT, PRESETS
from nightmare.dream.recipe import ENGINE, Recipe
from nightmare.train.model import Model, ModelCard
from nightmare.train.network import MEAN, STD, build_network

FILE = Path(__file__).with_suffix(".json")
REPAIR = "mend that, or raise ENGINE in nightmare/dream/recipe.py and run `python -m tests.dream.golden`"
# The filters are float32: with their last bits moved at random a picture moved by up to 6e-7, a step is 1e-2.
TOLERANCE = 2e-6

_HEIGHT, _WIDTH = 48, 80
# Octaves of 35 × 59 pixels, odd on both sides, and of 48 × 80, wider than the smallest tile.
_BRIEF: dict[str, Any] = {"octaves": 2, "octave_scale": 1.36, "iterations": 2}
_PLAIN = Recipe(layers={"layer2": 1.0}, jitter=5, smoothing=0.0, strength=1.0, **_BRIEF)
_CHANGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "layers": {"layers": {"layer1.0.conv2": 0.5, "layer3": 1.0}},
    "iterations per octave": {"iterations": [1, 3], "taper": 0.5},
    "octave left out": {"octaves": 3},
    "turns and zoom": {"rotation": 20.0, "zoom": 0.2},
    "smoothing": {"smoothing": 1.5},
    "laplacian": {"laplacian": 4},
    "fourier": {"parametrisation": "fourier"},
    "fourier and laplacian": {"parametrisation": "fourier", "laplacian": 3, "smoothing": 0.5},
    "headroom": {"headroom": 0.1},
    "total variation": {"total_variation": 0.5},
    "channel": {"objective": "channel:3,17"},
    "neuron": {"objective": "neuron:3@0.25,0.5"},
    "class": {"objective": "class:skull"},
    "guided": {"objective": "guided"},
    "guided by the mean": {"objective": "guided:mean"},
    "masks": {"masks": [{"layer1": 1.0}, {}], "feather": 2.0, "total_variation": 0.2},
    "hard mask": {"masks": [{}], "feather": 0.0},
    "tiles": {"tile": 64},
    "colours kept": {"keep_colors": True, "strength": 0.6},
    "seed": {"seed": 7},
}
RECIPES = {
    **{name: preset.model_copy(update=_BRIEF) for name, preset in {**PRESETS, "portrait": PORTRAIT}.items()},
    **{name: Recipe.checked({**_PLAIN.model_dump(), **changes}) for name, changes in _CHANGES.items()},
}


def golden_model() -> Model:
    """A ResNet-18 in float64 whose weights no version of torch or numpy draws otherwise."""
    classes = ("clown", "skull")
    network = build_network("resnet18", len(classes)).double().eval().requires_grad_(False)
    numbers = np.random.RandomState(0)  # of which numpy promises that its numbers stay as they are
    for name, weights in network.state_dict().items():
        if weights.is_floating_point():
            drawn = torch.from_numpy(numbers.uniform(-1, 1, tuple(weights.shape)))
            if weights.ndim > 1:
                weights.copy_(drawn * math.sqrt(6 / weights[0].numel()))  # He et al. 2015
            else:
                weights.copy_(1 + drawn / 2 if name.endswith(("weight", "running_var")) else drawn / 3)
    card = ModelCard(
        architecture="resnet18", classes=classes, pixels=32, mean=MEAN, std=STD, dataset="0" * 16, parameters={}
    )
    return Model(network, card, "0" * 64)


def pixels(model: Model, recipe: Recipe) -> list[float]:
    """The dream of `recipe` over waves, brought down to the means of 16 × 16 pixels: red, green, blue, row by row."""
    masks = torch.zeros(len(recipe.masks), 1, 1, _HEIGHT, _WIDTH, dtype=torch.float64)
    for number, mask in enumerate(masks):
        mask[..., 10:44, 40 * number :][..., :30] = 1  # near a border, beyond which softening has to look
    guides = [_waves(0.5)[:, :, :40, :56]] if recipe.is_guided else []
    dreamt = dream(model, _waves(0), recipe, names=["waves"], guides=guides, masks=list(masks))
    return [round(value, 7) for value in avg_pool2d(dreamt, 16).flatten().tolist()]


def difference(model: Model, golden: dict[str, Any]) -> float:
    """The largest between the pixels of `golden`, one entry of the file, and those that its recipe makes now."""
    now = pixels(model, Recipe.from_json(json.dumps(golden["recipe"])))
    return float(np.abs(np.subtract(now, golden["pixels"])).max())


def write(file: Path = FILE) -> None:
    """Bring `file` up to date. Exits with a message when pictures changed and the engine did not."""
    stored, model = json.loads(file.read_text()), golden_model()
    kept = stored["dreams"] if stored["engine"] >= ENGINE else {}
    # Not `>`, which NaN would pass.
    if changed := [name for name, golden in kept.items() if not difference(model, golden) <= TOLERANCE]:
        raise SystemExit(f"error: engine {ENGINE} made other pictures of {', '.join(changed)}: {REPAIR}")
    new = {name: recipe for name, recipe in RECIPES.items() if name not in kept}
    made = {name: {"recipe": recipe.model_dump(), "pixels": pixels(model, recipe)} for name, recipe in new.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(golden)}" for name, golden in {**kept, **made}.items()]
    file.write_text(f'{{"engine": {ENGINE}, "dreams": {{\n' + ",\n".join(lines) + "\n}}\n")


def _waves(phase: float) -> Tensor:
    """A photo (1, 3, height, width) of smooth waves, other ones in each colour, with a black and a white corner."""
    down, across = torch.arange(_HEIGHT).double()[:, None], torch.arange(_WIDTH).double()
    colors = [torch.sin(down / (5 + color) + across / (9 - 2 * color) + color + phase) for color in range(3)]
    photo = 0.5 + 0.4 * torch.stack(colors)[None]
    photo[..., :8, :8] = 0
    photo[..., -8:, -8:] = 1
    return photo


if __name__ == "__main__":
    write()
