"""First weights: ours, torchvision's, a file; and what a file must not be."""

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from nightmare.errors import ModelError
from nightmare.train.network import build_network, load_pretrained, normalise, pretrained_fingerprint


def test_unknown_depth_is_named() -> None:
    with pytest.raises(ModelError, match="no network resnet19: choose one of resnet18, resnet34"):
        build_network("resnet19", 2)


def test_normalised_mean_grey_is_near_zero() -> None:
    image = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    assert normalise(image).abs().max() < 1e-6
    assert normalise(image + 0.225)[0, 2].item() == pytest.approx(1.0)


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_weights_from_a_file_keep_all_but_a_head_of_other_classes(suffix: str, tmp_path: Path) -> None:
    donor, heir = build_network("resnet18", 7), build_network("resnet18", 3)
    head = heir.fc.weight.clone()
    path = tmp_path / f"weights.{suffix}"
    if suffix == "safetensors":
        save_file(donor.state_dict(), path)
    else:
        torch.save(donor.state_dict(), path)
    load_pretrained(heir, 18, str(path))
    assert torch.equal(heir.layer4[1].conv2.weight, donor.layer4[1].conv2.weight)
    assert torch.equal(heir.fc.weight, head)


@pytest.mark.parametrize(("donor", "heir"), [("resnet34", "resnet18"), ("resnet18", "resnet34")])
def test_weights_of_another_depth_are_refused(donor: str, heir: str, tmp_path: Path) -> None:
    save_file(build_network(donor, 3).state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ModelError, match=rf"not those of {heir} \(96 tensors differ, such as layer1\.2\."):
        load_pretrained(build_network(heir, 3), heir, str(tmp_path / "weights.safetensors"))


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    network = build_network("resnet18", 3)
    save_file({**network.state_dict(), "conv1.weight": torch.zeros(64, 1, 7, 7)}, tmp_path / "weights.safetensors")
    with pytest.raises(ModelError, match=r"not those of resnet18 \(1 tensors differ, such as conv1\.weight\)"):
        load_pretrained(network, "resnet18", str(tmp_path / "weights.safetensors"))


class _Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("harmed"),)


def test_pickle_with_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.pt").write_bytes(pickle.dumps(_Harm()))
    with pytest.raises(ModelError, match=r"weights\.pt"):
        load_pretrained(build_network("resnet18", 3), "resnet18", "weights.pt")
    assert not Path("harmed").exists()


@pytest.mark.parametrize("content", [b"", b"not weights"])
def test_damaged_files_are_refused(content: bytes, tmp_path: Path) -> None:
    for name in ("weights.safetensors", "weights.pt"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=name):
            load_pretrained(build_network("resnet18", 3), "resnet18", str(tmp_path / name))


def test_missing_file_says_what_may_be_given() -> None:
    with pytest.raises(ModelError, match=r"give an existing file \(model.pretrained may also be false or imagenet\)"):
        load_pretrained(build_network("resnet18", 3), "resnet18", "nowhere.safetensors")


def test_imagenet_without_a_network_says_how_to_bring_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*arguments: object, **named: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(ModelError, match=r"bring the file resnet18-.*\.pth .* to .*checkpoints"):
        load_pretrained(build_network("resnet18", 3), "resnet18", "imagenet")


def test_a_file_in_the_place_of_imagenets_weights_is_known_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    name = models.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[-1]
    placed = tmp_path / "hub/checkpoints" / name
    placed.parent.mkdir(parents=True)
    placed.write_bytes(pickle.dumps(_Harm()))
    with pytest.raises(ModelError, match="is not the file that torchvision published: remove it"):
        load_pretrained(build_network("resnet18", 3), "resnet18", "imagenet")
    # Its name would be right if the hash were: then it is read as every file is.
    digest = hashlib.sha256(placed.read_bytes()).hexdigest()
    monkeypatch.setattr(models.ResNet18_Weights.DEFAULT.value, "url", f"https://example.org/resnet18-{digest[:8]}.pth")
    placed.rename(placed.with_name(f"resnet18-{digest[:8]}.pth"))
    with pytest.raises(ModelError, match="only plain tensors are read"):
        load_pretrained(build_network("resnet18", 3), "resnet18", "imagenet")
    assert not Path("harmed").exists()


def test_fingerprint_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"one")
    first = pretrained_fingerprint(str(path))
    path.write_bytes(b"two")
    assert pretrained_fingerprint(str(path)) != first
    assert pretrained_fingerprint(False) != pretrained_fingerprint("imagenet")
