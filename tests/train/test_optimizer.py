"""The optimiser moves weights as torch's own does, whatever their order in memory; the average follows slowly."""

import copy

import pytest
import torch
from torch import Tensor, nn

from nightmare.params import TrainParams
from nightmare.train.optimizer import build_optimizer, running_average


def network() -> nn.Sequential:
    torch.manual_seed(0)
    # Without a bias, whose gradient before a BatchNorm is nothing but rounding, which AdamW makes large.
    convolution = nn.Conv2d(3, 8, 3, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2))


def stepped(network: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
    for number in range(3):
        images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(number))
        network.zero_grad(set_to_none=True)
        network(images.contiguous(memory_format=torch.channels_last)).square().mean().backward()
        optimizer.step()
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_channels_last_weights_move_as_plain_ones(name: str, tiny_train: TrainParams) -> None:
    train = tiny_train.model_copy(update={"optimizer": name, "weight_decay": 0.1, "learning_rate": 0.01})
    ours, plain = network().to(memory_format=torch.channels_last), network()
    groups = [
        {"params": [weight for weight in plain.parameters() if (weight.ndim > 1) == decays], "weight_decay": decay}
        for decays, decay in ((True, 0.1), (False, 0.0))
    ]
    usual = (
        torch.optim.AdamW(groups, lr=0.01)
        if name == "adamw"
        else torch.optim.SGD(groups, lr=0.01, momentum=0.9, nesterov=True)
    )
    before = torch.cat([weight.detach().flatten() for weight in plain.parameters()])
    expected = stepped(plain, usual)
    torch.testing.assert_close(stepped(ours, build_optimizer(ours, train)), expected, rtol=1e-4, atol=1e-6)
    assert (expected - before).abs().max() > 0.01


def test_the_average_takes_its_share_of_each_step(tiny_train: TrainParams) -> None:
    module = network()
    assert running_average(module, tiny_train.model_copy(update={"averaging": 0.0})) is None
    average = running_average(module, tiny_train.model_copy(update={"averaging": 0.75}))
    assert average is not None
    average.update_parameters(module)  # the first one is taken whole
    first = copy.deepcopy(module[1].running_mean)
    module[1].running_mean += 4
    average.update_parameters(module)
    torch.testing.assert_close(average.module[1].running_mean, first + 1)
