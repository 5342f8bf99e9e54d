"""A small model with random weights whose batch normalisation is far from the identity, and random photos."""

import pytest
import torch
from networks import far_from_identity
from torch import Tensor, nn

from nightmare.dream.workers import ModelFolder
from nightmare.train.model import Model, ModelCard, load_model, save_model
from nightmare.train.network import MEAN, STD, build_network

CLASSES = ("clown", "skull", "spider")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    torch.manual_seed(0)
    network = build_network("resnet18", len(CLASSES)).eval()
    far_from_identity(network)
    directory = tmp_path_factory.mktemp("model")
    card = ModelCard(
        architecture="resnet18", classes=CLASSES, pixels=32, mean=MEAN, std=STD, dataset="0" * 16, parameters={}
    )
    save_model(directory, network, card)
    return ModelFolder(directory, load_model(directory).sha256)


@pytest.fixture
def model(model_folder: ModelFolder) -> Model:
    return load_model(model_folder.directory)


@pytest.fixture
def photos() -> Tensor:
    """Three different photos of 48 × 64 pixels: smooth fields with a black and a white corner."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(3, 3, 6, 8, generator=generator)
    images = nn.functional.interpolate(coarse, size=(48, 64), mode="bilinear")
    images[:, :, :6, :6] = 0
    images[:, :, -6:, -6:] = 1
    return (images * 255).round() / 255
