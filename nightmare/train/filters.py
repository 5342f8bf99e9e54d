"""What the first layer sees: its filters as a picture, and a number for how well-formed they are."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nightmare.sheets import contact_sheet
from nightmare.train.network import Network

__all__ = ["filters_sheet", "low_frequency_share"]

_LOW = 0.25  # cycles per pixel, half of what the grid can carry
_SPECTRUM = 32  # points per side of the padded spectrum


def low_frequency_share(network: Network) -> float:
    """Share of the first layer's spectral energy below a quarter cycle per pixel, 0 … 1.

    Random filters spread evenly and give about 0.2. Of 7 x 7 pixels, as a ResNet has them, filters that learned edges
    and blobs come near 1; of 3 x 3, as an EfficientNet has them, none can: those of ImageNet have 0.28.
    """
    filters = _first_filters(network)
    energy = np.abs(np.fft.fft2(filters, s=(_SPECTRUM, _SPECTRUM))) ** 2
    frequency = np.fft.fftfreq(_SPECTRUM)
    low = np.hypot(frequency[:, None], frequency[None, :]) < _LOW
    return float(energy[..., low].sum() / energy.sum())


def filters_sheet(network: Network) -> Image.Image:
    """All filters of the first layer, each scaled to its own range, the strongest first."""
    filters = _first_filters(network)
    strength = np.square(filters).sum(axis=(1, 2, 3))
    pictures = []
    for picture in filters[np.argsort(-strength)]:
        scaled = (picture - picture.min()) / max(float(np.ptp(picture)), 1e-12)
        image = Image.fromarray((scaled.transpose(1, 2, 0) * 255).round().astype(np.uint8))
        pictures.append(image.resize((42, 42), Image.Resampling.NEAREST))
    share = low_frequency_share(network)
    title = f"first-layer filters, {share:.0%} of their energy in low frequencies"
    return contact_sheet(pictures, [""] * len(pictures), columns=16, cell=42, title=title)


def _first_filters(network: Network) -> NDArray[np.float32]:
    return network.conv1.weight.detach().cpu().numpy()
