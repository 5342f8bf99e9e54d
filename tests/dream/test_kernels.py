"""Convolutions with packed weights give what PyTorch's own give, there and back, at one size after another."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nightmare.dream.kernels import Packed

requires_kernels = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this processor has no kernels to pack for"
)


def both_ways(module: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    leaf = images.clone().requires_grad_()
    result: Tensor = module(leaf)
    weight = torch.linspace(-1, 1, result.numel(), dtype=result.dtype).view_as(result)
    (gradient,) = torch.autograd.grad((result * weight).sum(), leaf)
    return result.detach(), gradient


@requires_kernels
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 1},
        {"kernel_size": 1, "stride": 2, "bias": False},
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 3, "padding": 1, "stride": 2},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": (1, 5), "padding": (0, 2)},
        {"kernel_size": 4},
        {"kernel_size": 3, "padding": 4},  # more padding than taps
    ],
)
def test_packed_equals_plain(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 10, **options).requires_grad_(False)
    packed = Packed(plain)
    for size in [(2, 6, 17, 20), (1, 6, 30, 11), (2, 6, 17, 20)]:
        images = torch.randn(size).contiguous(memory_format=torch.channels_last)
        for found, expected in zip(both_ways(packed, images), both_ways(plain, images), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@requires_kernels
def test_what_has_no_kernels_stays_plain() -> None:
    assert Packed.fits(nn.Conv2d(4, 4, 3))
    assert not Packed.fits(nn.Conv2d(4, 4, 3).double())
    assert not Packed.fits(nn.Conv2d(4, 4, 3, groups=2))
    assert not Packed.fits(nn.Conv2d(4, 4, 3, padding="same"))
    assert not Packed.fits(nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"))
    assert not Packed.fits(nn.Conv2d(4, 4, 3, device="meta"))
