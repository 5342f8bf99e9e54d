"""Training as it is usually written: what the project's own is measured against.

JPEG files in one folder per class, torchvision's `ImageFolder` with its transforms of Pillow images, a `DataLoader`
whose two workers stay from epoch to epoch, and a step in single precision and the default memory format.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from nightmare.train.network import MEAN, STD

__all__ = ["usual_epoch", "usual_loader", "write_folder"]


def write_folder(pictures: Iterable[tuple[str, Image.Image]], directory: Path) -> None:
    """Write RGB pictures and their labels as `directory/<label>/<number>.jpg`."""
    for number, (label, picture) in enumerate(pictures):
        (directory / label).mkdir(parents=True, exist_ok=True)
        picture.save(directory / label / f"{number}.jpg", quality=90)


def usual_loader(directory: Path, *, pixels: int, batch: int) -> DataLoader:
    """Shuffled batches of cropped, mirrored, recoloured and normalised pictures, read from JPEG anew every time."""
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(pixels),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(0.4, 0.4, 0.4, 0.1),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return DataLoader(
        ImageFolder(str(directory), transform),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=2,
        persistent_workers=True,
        pin_memory=torch.accelerator.is_available(),
    )


def usual_epoch(
    loader: DataLoader, network: nn.Module, optimizer: torch.optim.Optimizer, *, label_smoothing: float, mixed: bool
) -> None:
    """One step for each batch of `loader`, in bfloat16 where `mixed`."""
    network.train()
    device = next(network.parameters()).device
    for images, labels in loader:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            logits = network(images.to(device, non_blocking=True))
        loss = F.cross_entropy(logits.float(), labels.to(device), label_smoothing=label_smoothing)
        loss.backward()
        optimizer.step()
        loss.item()  # as for a mean over the epoch
