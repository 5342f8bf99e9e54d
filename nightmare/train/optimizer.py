"""What moves the weights of a network, and their running average."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nightmare.params import TrainParams
from nightmare.train.network import Network

__all__ = ["build_optimizer", "running_average"]


def build_optimizer(network: Network, train: TrainParams) -> torch.optim.Optimizer:
    """The optimiser that `train` names, over all weights of `network`."""
    weights = [_in_memory_order(weight) for weight in network.parameters()]
    # Decay is for weights that multiply; on biases and normalisation it only pulls the scale about.
    multiplying = [weight for weight in weights if weight.ndim > 1]
    others = [weight for weight in weights if weight.ndim <= 1]
    groups = [{"params": multiplying, "weight_decay": train.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if train.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=train.learning_rate, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.AdamW(groups, lr=train.learning_rate, fused=True)


def running_average(network: Network, train: TrainParams) -> AveragedModel | None:
    """A running average of weights and BatchNorm statistics, of which each step takes the share 1 - `averaging`."""
    if not train.averaging:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(train.averaging), use_buffers=True)


def _in_memory_order(weight: nn.Parameter) -> Tensor:
    """`weight`, as a view without gaps when it is a kernel in channels-last format, and its gradients with it.

    A fused optimiser takes twice as long over tensors that are not contiguous, which was 5 % of a step.
    """
    if weight.ndim != 4:
        return weight
    view = weight.detach().permute(0, 2, 3, 1)

    def pass_on(weight: Tensor) -> None:
        view.grad = None if weight.grad is None else weight.grad.permute(0, 2, 3, 1).contiguous()

    weight.register_post_accumulate_grad_hook(pass_on)
    return view
