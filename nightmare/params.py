"""The typed form of params.yaml: one frozen object per section, read as YAML 1.2, unknown or impossible values refused.

`load_params()` reads `params.yaml` in the working directory. An error names line, key, value and what is allowed.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from nightmare.errors import ParameterError

__all__ = [
    "AdversarialParams",
    "CrossvalParams",
    "CullParams",
    "DreamParams",
    "IngestParams",
    "JudgeParams",
    "LabelParams",
    "ModelParams",
    "Params",
    "RobustParams",
    "ScrapeParams",
    "SplitParams",
    "TrainParams",
    "load_params",
    "overridden",
]

Share = Annotated[float, Field(ge=0, le=1)]
Grade = Literal["A", "B", "C"]
Iterations = Annotated[int, Field(ge=0, le=1000)]


class _Section(BaseModel):
    """A frozen section that refuses unknown keys and never turns text into numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ScrapeParams(_Section):
    sources: Annotated[list[Literal["iconify", "folder"]], Field(min_length=1)]
    folder: str
    cap: Annotated[int, Field(ge=1)]


class IngestParams(_Section):
    pixels: Annotated[int, Field(ge=16, le=2048)]
    shards: Annotated[int, Field(ge=1, le=999)]
    megapixels: Annotated[int, Field(ge=1, le=1000)]
    near_distance: Annotated[int, Field(ge=0, le=16)]
    reject_limit: Share


class LabelParams(_Section):
    version: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    smallest_class: Annotated[int, Field(ge=1)]


class SplitParams(_Section):
    test_share: Annotated[float, Field(gt=0, lt=0.9)]
    val_share: Annotated[float, Field(gt=0, lt=0.9)]
    folds: Annotated[int, Field(ge=2, le=20)]


class ModelParams(_Section):
    network: Literal["resnet", "efficientnet"]
    depth: Literal[18, 34, 50, 101, 152]
    pixels: Annotated[int, Field(ge=32, le=512)]
    pretrained: Literal[False] | Annotated[str, Field(min_length=1)]

    @property
    def architecture(self) -> str:
        """The network in one word, see `train.network.ARCHITECTURES`."""
        return f"resnet{self.depth}" if self.network == "resnet" else "efficientnet_lite0"


class AdversarialParams(_Section):
    norm: Literal["linf", "l2"]
    epsilon: Annotated[float, Field(ge=0, le=64)]
    steps: Annotated[int, Field(ge=1, le=20)]


class TrainParams(_Section):
    grades: Annotated[list[Grade], Field(min_length=1)]
    epochs: Annotated[int, Field(ge=1)]
    first_pixels: Annotated[int, Field(ge=16, le=512)]
    batch: Annotated[int, Field(ge=4, le=4096)]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    schedule: Literal["onecycle", "multistep", "constant"]
    optimizer: Literal["adamw", "sgd"]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    balance: Share
    color_jitter: Share
    select: Literal["last", "val_loss", "val_accuracy"]
    averaging: Annotated[float, Field(ge=0, lt=1)]
    snapshots: Annotated[int, Field(ge=0)]
    adversarial: AdversarialParams


class CrossvalParams(_Section):
    folds: Annotated[int, Field(ge=2, le=50)]
    repeats: Annotated[int, Field(ge=1, le=20)]


class CullParams(_Section):
    strategy: Literal["validation", "misclassified", "confident", "evidence"]
    confidence: Share
    budget: Share
    class_cap: Share
    keep_at_least: Annotated[int, Field(ge=1)]


class RobustParams(_Section):
    network: Literal["resnet", "efficientnet"]
    pixels: Annotated[int, Field(ge=32, le=512)]
    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    averaging: Annotated[float, Field(ge=0, lt=1)]
    adversarial: AdversarialParams


class JudgeParams(_Section):
    network: Literal["resnet", "efficientnet"]
    pixels: Annotated[int, Field(ge=32, le=512)]
    epochs: Annotated[int, Field(ge=1)]
    averaging: Annotated[float, Field(ge=0, lt=1)]


class DreamParams(_Section):
    pixels: Annotated[int, Field(ge=32, le=8192)]
    layers: Annotated[dict[str, Annotated[float, Field(ge=-1e6, le=1e6)]], Field(min_length=1)]
    objective: Annotated[str, Field(pattern=r"^(energy$|(channel|neuron|class):.)")]
    octaves: Annotated[int, Field(ge=1, le=20)]
    octave_scale: Annotated[float, Field(gt=1, le=4)]
    iterations: Iterations | Annotated[list[Iterations], Field(min_length=1)]
    step_size: Annotated[float, Field(gt=0, le=1)]
    taper: Share
    headroom: Share
    jitter: Annotated[int, Field(ge=0, le=512)]
    rotation: Annotated[float, Field(ge=0, le=180)]
    zoom: Annotated[float, Field(ge=0, le=0.5)]
    smoothing: Annotated[float, Field(ge=0, le=32)]
    laplacian: Annotated[int, Field(ge=0, le=10)]
    total_variation: Annotated[float, Field(ge=0, le=100)]
    parametrisation: Literal["pixels", "fourier"]
    keep_colors: bool
    strength: Share
    tile: Annotated[int, Field(ge=64, le=8192)] | Literal["auto", "none"]
    precision: Literal["float32", "bfloat16"]
    classes: bool
    portraits: Annotated[int, Field(ge=1, le=64)]
    album_octaves: Annotated[list[Annotated[int, Field(ge=1, le=20)]], Field(min_length=1)]
    album_iterations: Annotated[list[Iterations], Field(min_length=1)]

    @field_validator("layers")
    @classmethod
    def _some_weight(cls, layers: dict[str, float]) -> dict[str, float]:
        if not any(layers.values()):
            raise ValueError("some layer needs a weight other than 0")
        return layers


class Params(_Section):
    seed: Annotated[int, Field(ge=0)]
    scrape: ScrapeParams
    ingest: IngestParams
    label: LabelParams
    split: SplitParams
    model: ModelParams
    train: TrainParams
    crossval: CrossvalParams
    cull: CullParams
    robust: RobustParams
    judge: JudgeParams
    dream: DreamParams


def overridden(
    params: Params, section: RobustParams | JudgeParams, *, pretrained: Literal[False] | str, seed: int | None = None
) -> Params:
    """`params` for a training from the weights `pretrained` that differs in what `section` names, and maybe in seed."""
    changes: dict[str, Any] = dict(section)
    of_model = {"network": changes.pop("network"), "pixels": changes.pop("pixels")}
    # What has learnt to see already gains nothing from small pictures.
    first_pixels = section.pixels if pretrained else params.train.first_pixels
    train = params.train.model_copy(update={**changes, "first_pixels": first_pixels})
    model = params.model.model_copy(update={**of_model, "pretrained": pretrained})
    return params.model_copy(update={"train": train, "model": model, "seed": params.seed if seed is None else seed})


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check the parameters. Raises `ParameterError` with one line per fault."""
    path = Path(path)
    try:
        # YAML 1.2, as DVC writes it: 8e-05 is a number, which YAML 1.1 readers take for a string.
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"no {path}: run in the folder that holds dvc.yaml") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} is not YAML in UTF-8: {error}") from None
    if not isinstance(tree, dict):
        raise ParameterError(f"{path} holds no parameters: restore it with `git checkout {path}`")
    try:
        return Params.model_validate(_plain(tree))
    except ValidationError as error:
        faults = [_describe(fault, tree, path) for fault in error.errors()]
        raise ParameterError("\n       ".join(dict.fromkeys(faults))) from None


def _plain(node: Any) -> Any:
    """The tree without ruamel's subclasses, which strict validation would take for foreign types."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, bool):
        return bool(node)
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _describe(fault: Any, tree: Any, path: Path) -> str:
    """One fault as `params.yaml line 12: train.epochs = 0: Input should be greater than or equal to 1`."""
    keys: list[str | int] = []
    line, model = 0, Params
    node: Any = tree
    for part in fault["loc"]:
        # Unions add the names of their members to the location: only steps that exist in the file count.
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0] + 1
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + 1
        elif fault["type"] == "missing":
            keys.append(part)
            continue
        else:
            break
        keys.append(part)
        node = node[part]
    name = ".".join(str(key) for key in keys)
    if fault["type"] == "missing":
        return f"{path}: {name} is missing: add it, or restore the file with `git checkout {path}`"
    where = f"{path} line {line}: {name}"
    if fault["type"] == "extra_forbidden":
        known: list[str] = list(model.model_fields)
        if len(keys) > 1:
            known = list(getattr(model.model_fields[str(keys[0])].annotation, "model_fields", {}))
        near = difflib.get_close_matches(str(keys[-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        return f"{where} is no parameter: {hint}"
    return f"{where} = {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
