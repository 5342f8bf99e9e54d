"""The original's figures beside ours, as a Markdown table.

The original reported accuracy in validation, on one split, and for its last row in validation that had been culled of
what the network got wrong. The same figures of ours stand beside those on the test side, which nothing culled.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from nightmare.errors import InputError
from nightmare.experiments.original import Row, experiment_scale
from nightmare.experiments.queue import Known, experiment_file, experiment_log
from nightmare.results import markdown_table
from nightmare.tables import PREDICTIONS, SPLIT, read_table
from nightmare.train.evaluate import scores

__all__ = ["experiments_table"]

_FIGURES = ("validation", "validation, culled", "test", "test, balanced", "test, n", "minutes")
_HEADER = ["experiment", "scale", "original", *_FIGURES, "state"]
_LEGEND = """\
original: the accuracy that it reported, in validation on one split. Compare it with our validation and, where that side
was culled as well, with validation, culled. test: images of which none was culled and by which nothing was chosen."""


def experiments_table(rows: list[Row], known: dict[str, Known]) -> str:
    """A line per row and scale, each row at least once, and below it what there is to say of single ones."""
    lines, remarks = [], []
    for row in rows:
        found = {scale: name for name in known if (scale := experiment_scale(row, name)) is not None}
        for scale, name in sorted(found.items(), reverse=True):
            experiment = known[name]
            figures: dict[str, str] = {}
            state: str = experiment.state
            if state == "done":
                try:
                    figures = _figures(row, experiment)
                except InputError as error:
                    state = "lost"
                    remarks.append(f"{name}: {error}")
            elif state == "failed":
                remarks.append(f"{name} failed: {_reason(experiment)}; mend that, then queue it again")
            lines.append(_line(row, scale=f"{scale:g}", figures=figures, state=state))
        if not found:
            lines.append(_line(row, scale="", figures={}, state="not run"))
        if row.note:
            remarks.append(f"{row.name}: {row.note}")
    return "\n\n".join([markdown_table(_HEADER, lines), _LEGEND, *remarks])


def _line(row: Row, *, scale: str, figures: dict[str, str], state: str) -> list[str]:
    return [row.name, scale, f"{row.reported:.3f}", *(figures.get(name, "") for name in _FIGURES), state]


def _figures(row: Row, experiment: Known) -> dict[str, str]:
    with TemporaryDirectory() as folder:
        path = experiment_file(experiment, f"reports/{row.stage}/predictions.csv", Path(folder))
        predictions = read_table(path, PREDICTIONS)
        validation, test = (predictions[predictions["side"] == side] for side in ("val", "test"))
        judged, honest = scores(validation), scores(test)
        figures = {
            "validation": f"{judged['accuracy']:.3f}",
            "test": f"{honest['accuracy']:.3f}",
            "test, balanced": f"{honest['balanced_accuracy']:.3f}",
            "test, n": str(honest["n"]),
        }
        if row.stage == "retrain":
            culled = read_table(experiment_file(experiment, "data/culled.csv", Path(folder)), SPLIT)
            kept = validation["id"].isin(culled.loc[culled["keep"], "id"])
            figures["validation, culled"] = f"{scores(validation[kept])['accuracy']:.3f}"
    minutes = re.findall(rf"^{row.stage}: ([\d.]+) minutes$", experiment_log(experiment), re.MULTILINE)
    return figures | ({"minutes": minutes[-1]} if minutes else {})


def _reason(experiment: Known) -> str:
    """The stage's own words where it had some."""
    words = re.findall(r"^error: (.+)$", experiment_log(experiment), re.MULTILINE)
    return words[-1] if words else f"`dvc queue logs {experiment.task}` shows what happened"
