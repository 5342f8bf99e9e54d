"""What is made of DVC's words, and of its cache."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from studios import small_model

from nightmare.errors import InputError, ModelError
from nightmare.studio.dvc import Dvc, ask_dvc
from nightmare.studio.experiments import Experiment, card_facts, folder_experiment
from nightmare.studio.models import PLAIN, Network
from nightmare.train.model import save_model

LISTED = "3b7dbc5:\n\t13b52b2 [longer]\nmain:\n\t8562886 [lost]\n"
PARAMS = {
    "seed": 1,
    "label": {"version": "anf"},
    "train": {"epochs": 30},
    "cull": {"budget": 0.1},
    "dream": {"pixels": 9},
}


def outs(**hashes: str) -> dict[str, Any]:
    return {f"models/{stage}": {"hash": hash} for stage, hash in hashes.items()}


def entry(name: str, state: str = "", **hashes: str) -> dict[str, Any]:
    data = {
        "params": {"params.yaml": {"data": PARAMS}},
        "metrics": {"reports/train/metrics.json": {"data": {"accuracy": 0.5}}, "reports/robust/metrics.json": None},
        "outs": outs(**hashes),
    }
    executor = {"state": state} if state else None
    return {"name": name, "executor": executor, "revs": [{"rev": "f" * 40, "name": name, "data": data}]}


@pytest.fixture
def cached(tmp_path: Path) -> str:
    """A network in a cache as DVC lays it out, and its hash."""
    model, made = small_model(), tmp_path / "made"
    made.mkdir()
    save_model(made, model.network, model.card)
    at, listed = tmp_path / ".dvc/cache/files/md5", []
    for number, file in enumerate(sorted(made.iterdir())):
        hash = str(number) * 32
        (at / hash[:2]).mkdir(parents=True)
        file.rename(at / hash[:2] / hash[2:])
        listed.append({"md5": hash, "relpath": file.name})
    (at / "ab").mkdir()
    (at / "ab" / "c.dir").write_text(json.dumps(listed))
    return "abc.dir"


def dvc(
    root: Path,
    *experiments: dict[str, Any],
    calls: list[Sequence[str]] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Dvc:
    shown = [
        {"rev": "workspace", "data": {"outs": {}}, "experiments": None},
        {"rev": "3b7", "data": {"outs": outs(train="old.dir", robust="old.dir")}, "experiments": list(experiments)},
    ]

    def ask(arguments: Sequence[str], folder: Path) -> str:
        assert folder == root
        if calls is not None:
            calls.append(arguments)
        return {"list": LISTED, "show": json.dumps(shown), "dir": ".dvc/cache\n"}[arguments[1]]

    (root / ".dvc").mkdir(exist_ok=True)
    return Dvc(root, ask=ask, clock=clock)


def test_network_is_taken_from_the_list_that_is_there(tmp_path: Path, cached: str) -> None:
    calls: list[Sequence[str]] = []
    now = [0.0]
    here = dvc(tmp_path, entry("longer", robust=cached), calls=calls, clock=lambda: now[0])
    here.experiments()
    asked = len(calls)
    now[0] = 1000.0  # by when the list is no longer fresh
    assert here.network("longer").version == cached
    assert len(calls) == asked
    with pytest.raises(ModelError, match="no experiment 'new'"):
        here.network("new")
    assert len(calls) == 2 * asked, "of one that is not in it DVC is asked again"


def test_experiment_is_the_network_that_it_made_anew(tmp_path: Path, cached: str) -> None:
    here = dvc(tmp_path, entry("longer", train=cached, robust="old.dir"))
    (found,) = here.experiments().experiments
    assert found == Experiment(
        "longer",
        "longer",
        model="resnet18, 32 pixels",
        data="anf, 2 classes",
        accuracy=0.5,
        settings={"seed": 1, "label.version": "anf", "train.epochs": 30},
    )
    network = here.network("longer")
    assert network.label == "longer, 50% right"
    model = network.load()
    assert model.card.pixels == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == [".dvc", "made"], "nothing is left behind"


def test_older_card_is_read_as_one_of_today(tmp_path: Path, cached: str) -> None:
    card = tmp_path / ".dvc/cache/files/md5/00" / ("0" * 30)
    older = json.loads(card.read_text())
    del older["architecture"]
    card.write_text(json.dumps(older | {"depth": 18}))
    here = dvc(tmp_path, entry("longer", train=cached))
    assert here.experiments().experiments[0].model == "resnet18, 32 pixels"
    assert here.network("longer").load().card.architecture == "resnet18"


def test_damaged_network_is_told_without_our_folder(tmp_path: Path, cached: str) -> None:
    weights = tmp_path / ".dvc/cache/files/md5/11" / ("1" * 30)
    weights.write_bytes(b"no weights")
    here = dvc(tmp_path, entry("longer", train=cached))
    with pytest.raises(ModelError, match=r"^model\.safetensors does not fit its card"):
        here.network("longer").load()


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("", "dvc exp apply one; dvc repro train"),
        ("Queued", "dvc queue start"),
        ("Running", "dvc queue logs one"),
        ("Failed", "dvc queue logs one"),
    ],
)
def test_missing_network_names_the_command(state: str, command: str, tmp_path: Path) -> None:
    here = dvc(tmp_path, entry("one", state, train="gone.dir"))
    (found,) = here.experiments().experiments
    assert found.missing == command
    assert found.settings["train.epochs"] == 30
    with pytest.raises(ModelError, match="run `dvc "):
        here.network("one")
    with pytest.raises(ModelError, match="no experiment 'two'"):
        here.network("two")


def test_half_a_network_in_the_cache_is_missing(tmp_path: Path, cached: str) -> None:
    (tmp_path / ".dvc/cache/files/md5/11" / ("1" * 30)).unlink()
    assert dvc(tmp_path, entry("one", train=cached)).experiments().experiments[0].missing


def test_dvc_is_asked_once_for_the_commits_that_have_experiments(tmp_path: Path) -> None:
    calls: list[Sequence[str]] = []
    here = dvc(tmp_path, entry("one", train="gone.dir"), calls=calls)
    assert here.experiments() is here.experiments()
    assert calls == [
        ["exp", "list", "--all-commits"],
        ["exp", "show", "--json", "--rev", "HEAD", "--rev", "3b7dbc5", "--rev", "main"],
        ["cache", "dir"],
    ]


def test_no_experiments_is_a_sentence(tmp_path: Path) -> None:
    assert Dvc(tmp_path / "nowhere").experiments().sentence.startswith("There is no DVC repository here")
    assert "`dvc exp run " in dvc(tmp_path).experiments().sentence


def test_failure_of_dvc_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()

    def fail(arguments: Sequence[str], folder: Path) -> str:
        raise InputError("`dvc exp list` failed: no")

    assert Dvc(tmp_path, ask=fail).experiments().sentence == "`dvc exp list` failed: no"


def test_dvc_itself_answers_or_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`dvc exp list` failed: .*not inside of a DVC repository"):
        ask_dvc(["exp", "list"], tmp_path)


def test_networks_of_the_folder_are_told_by_their_cards(tmp_path: Path) -> None:
    model = small_model()
    folder = tmp_path / "models" / "retrain"
    folder.mkdir(parents=True)
    save_model(folder, model.network, model.card)
    network = Network("retrain", "After culling", small_model, accuracy=0.4)
    told = folder_experiment(network, tmp_path, PARAMS)
    assert (told.model, told.data, told.accuracy) == ("resnet18, 32 pixels", "anf, 2 classes", 0.4)
    assert told.settings["cull.budget"] == 0.1
    assert "cull.budget" not in card_facts(folder / "model.json", PARAMS, stage="train")[2]
    shutil.rmtree(folder)
    assert folder_experiment(network, tmp_path, {}).settings == {}
    assert folder_experiment(Network(PLAIN, "ImageNet", small_model), tmp_path, PARAMS).settings == {}
