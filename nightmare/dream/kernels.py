"""The operations of a cut network as a processor does them best: the same values as PyTorch's own, on both ways."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Packed", "Rectified", "Unshuffled"]


class _InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        values.relu_()
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward.grad_input(gradient, values, 0, grad_input=gradient)


class Rectified(nn.Module):
    """ReLU that overwrites its input, and on the way back the gradient: 4 % of a step was its fresh memory."""

    def forward(self, values: Tensor) -> Tensor:
        return _InPlace.apply(values)


class Unshuffled(nn.Module):
    """A first convolution of stride 2 as one of stride 1 over blocks of 2 × 2 pixels.

    The same sums; but the gradient of three channels with a stride runs at a fifth of the speed of a processor, and
    was a sixth of a step (ResNet-18, 42 against 220 GFLOP/s).
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        half = convolution.kernel_size[0] // 2
        # One tap more in front, so that the first of 2 × half + 2 taps is at an even pixel.
        weight = F.pixel_unshuffle(F.pad(convolution.weight, (1, 0, 1, 0)), 2)
        self.padding = [(half + 1) // 2, (half - 1) // 2] * 2
        self.convolution = nn.Conv2d(12, len(weight), half + 1)
        self.convolution.weight, self.convolution.bias = nn.Parameter(weight), convolution.bias

    @staticmethod
    def fits(convolution: nn.Conv2d) -> bool:
        """Whether `convolution` may be written so: an odd half, centred, of all three channels."""
        half = convolution.kernel_size[0] // 2
        centred = convolution.kernel_size == (2 * half + 1,) * 2 and convolution.padding == (half, half)
        plain = convolution.stride == (2, 2) and convolution.dilation == (1, 1) and convolution.padding_mode == "zeros"
        return centred and plain and convolution.in_channels == 3 and convolution.groups == 1 and half % 2 == 1

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        images = F.pad(images, (0, width % 2, 0, height % 2))
        result: Tensor = self.convolution(F.pad(F.pixel_unshuffle(images, 2), self.padding))
        return result


class Packed(nn.Module):
    """A frozen convolution whose weights lie as the processor's kernels read them, there and back.

    PyTorch brings them into that order anew in every call, a twentieth to a tenth of a step. The way back of stride 1
    is a convolution too, with the taps turned round and channels exchanged. Which order is the best one depends on the
    size of the picture, so that of the last size is kept.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        padding = tuple(int(side) for side in convolution.padding)
        self._there = _Kernel(self.weight, padding, convolution.stride, convolution.dilation)
        self._back: _Kernel | None = None
        padding_back = tuple(
            dilation * (taps - 1) - own
            for dilation, taps, own in zip(convolution.dilation, convolution.kernel_size, padding, strict=True)
        )
        if convolution.stride == (1, 1) and min(padding_back) >= 0:
            self._back = _Kernel(self.weight, padding_back, (1, 1), convolution.dilation, turned=True)

    @staticmethod
    def fits(convolution: nn.Conv2d) -> bool:
        """Whether PyTorch has such kernels for `convolution` where its weights are."""
        if convolution.weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
            return False
        has_kernels = convolution.weight.dtype == torch.float32 or (
            convolution.weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        plain = convolution.groups == 1 and convolution.padding_mode == "zeros"
        return has_kernels and plain and not isinstance(convolution.padding, str)

    def forward(self, values: Tensor) -> Tensor:
        return _Convolved.apply(values, self)

    def there(self, values: Tensor) -> Tensor:
        """The convolution of `values` (batch, channels, height, width)."""
        return self._there(values, self.bias)

    def back(self, gradient: Tensor, shape: torch.Size) -> Tensor:
        """The gradient at values of `shape`, from that at the result."""
        if self._back:
            return self._back(gradient, None)
        # Linear in what it convolves, so that of this the shape counts alone.
        values = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        kernel = self._there
        options = (kernel.stride, kernel.padding, kernel.dilation, False, [0, 0], 1, [True, False, False])
        result: Tensor = torch.ops.aten.convolution_backward(gradient, values, self.weight, None, *options)[0]
        return result


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, module: Packed) -> Tensor:
        ctx.module, ctx.shape = module, values.shape
        return module.there(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.module.back(gradient, ctx.shape), None


class _Kernel:
    """A convolution with `weight` (out, in, height, width), in the order that suits the shape of its last call.

    `turned`, it leads from `out` channels to `in`.
    """

    def __init__(
        self,
        weight: Tensor,
        padding: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        *,
        turned: bool = False,
    ) -> None:
        self.weight, self.padding, self.stride, self.dilation, self.turned = weight, padding, stride, dilation, turned
        self._kept: tuple[torch.Size, Tensor] | None = None

    def __call__(self, values: Tensor, bias: Tensor | None) -> Tensor:
        settings = (self.padding, self.stride, self.dilation, 1)
        kept = self._kept  # in one piece, since threads may share it
        if kept is None or kept[0] != values.shape:
            weight = self.weight.transpose(0, 1).flip(2, 3) if self.turned else self.weight
            packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *settings, [*values.shape])
            self._kept = kept = values.shape, packed
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(values, kept[1], bias, *settings, "none", [], None)
        return result
