"""What people decided about single images: data/decisions.jsonl, one line per decision, the last one about an id wins.

A line is `{"id": "0123456789abcdef", "decision": "keep"}` or `"remove"`, with further keys (who, why, when) as
wished. `"undo"` leaves the image to the machine again. The file lives in git and survives every new run.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nightmare.errors import InputError

__all__ = ["read_decisions"]


class _Line(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    decision: Literal["keep", "remove", "undo"]


def read_decisions(path: Path) -> dict[str, str]:
    """Image id to `keep` or `remove`. Raises `InputError` for a file that is absent, and that names a bad line."""
    decisions: dict[str, str] = {}
    try:
        # Not by splitlines(): what else ends a line to Python may stand within a string of JSON.
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise InputError(f"no {path}: bring it back (`git checkout {path}`), or make an empty file of it") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}): save it as such") from None
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            line = _Line.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"])) or "the line"
            raise InputError(
                f"{path} line {number}: {where}: {fault['msg']}; "
                'a line reads {"id": "<16 digits>", "decision": "keep"}'
            ) from None
        if line.decision == "undo":
            decisions.pop(line.id, None)
        else:
            decisions[line.id] = line.decision
    return decisions
