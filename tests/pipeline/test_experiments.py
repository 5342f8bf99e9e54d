"""The command that queues the original's experiments, with the real dvc: what it queues, and what its table finds."""

import json
import re
import sys
from pathlib import Path

from clones import Clone, make_clone
from ruamel.yaml import YAML

NIGHTMARE = (sys.executable, "-c", "from nightmare.cli import app; app()", "experiments")
DONE, OTHER = "original-18-anf-scratch-at-0.01", "original-34-anf-scratch-at-0.01"


def rows_of_the_clone(clone: Clone) -> None:
    """Two rows, about the classes that the clone has."""
    path = clone.folder / "experiments" / "original.yaml"
    rows = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    kept = [row for row in rows if row["name"] in ("34-anf-scratch", "18-anf-scratch")]
    for row in kept:
        row["params"]["label.version"] = "folders"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(kept, file)


def test_queue_and_table(tmp_path: Path, programs: Path) -> None:
    clone = make_clone(tmp_path, programs)
    rows_of_the_clone(clone)
    clone.commit()
    said = clone.dvc("exp", "run", "--name", DONE, "train")
    assert re.search(r"^train: \d+\.\d minutes$", said, re.MULTILINE), "the table looks for this line"
    clone.commit()  # an experiment of an earlier commit is known all the same

    said = clone.run(*NIGHTMARE, "queue", "--scale", "0.01")
    assert f"{OTHER} queued: 4 epochs, 64 pixels" in said
    assert f"{DONE} is done: `dvc exp remove {DONE}` forgets it" in said
    assert f"{OTHER} is queued already" in clone.run(*NIGHTMARE, "queue", "--scale", "0.01")

    shown = json.loads(clone.dvc("exp", "show", "--json"))
    (queued,) = shown[1]["experiments"]
    params = queued["revs"][0]["data"]["params"]["params.yaml"]["data"]
    assert queued["name"] == OTHER
    assert (params["model"]["depth"], params["model"]["pretrained"], params["ingest"]["pixels"]) == (34, False, 64)
    assert (params["train"]["epochs"], params["train"]["learning_rate"]) == (4, 8e-4)

    metrics = json.loads((clone.folder / "reports" / "train" / "metrics.json").read_text(encoding="utf-8"))
    table = clone.run(*NIGHTMARE, "table").splitlines()
    assert f"| 0.01  | 0.810    | {metrics['accuracy']:.3f}" in table[3]
    assert table[3].endswith("| done   |")
    assert table[2].endswith("| queued |")
