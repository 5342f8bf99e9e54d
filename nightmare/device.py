"""Where tensors live: chosen at run time, the same for training and dreaming."""

import torch

__all__ = ["best_device"]


def best_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")
