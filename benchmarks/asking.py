"""One request to a studio on this machine, and what it says."""

import http.client
import io
import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from nightmare.studio.looks import controls_of

__all__ = ["JSON", "OWN", "Answer", "ask", "end_of_dream", "noise_photo", "small_wish"]

OWN = {"X-Deep-Nightmare": "1"}
JSON = OWN | {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """Status, headers by their names in small letters, body and seconds; status 0 where the connection was cut."""

    status: int
    body: bytes = b""
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What the studio says, empty where it says nothing."""
        try:
            return str(json.loads(self.body).get("sentence", ""))
        except (ValueError, AttributeError):
            return ""


def ask(
    port: int, path: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = OWN
) -> Answer:
    """One request on a connection of its own."""
    begun = time.perf_counter()
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=150)) as connection:
            connection.request(method, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, answer.read(), time.perf_counter() - begun, names)
    except (OSError, http.client.HTTPException):
        return Answer(0, seconds=time.perf_counter() - begun)


def end_of_dream(answer: Answer) -> Answer:
    """`answer` to a wish with the status and the sentence of its last line: 200 only for a whole dream.

    A dream that fails has been answered with 200 long before.
    """
    if answer.status != 200:
        return answer
    try:
        last = json.loads(answer.body.splitlines()[-1])
        status, sentence = int(last["status"]), str(last["ended"])
    except (IndexError, KeyError, TypeError, ValueError):
        return replace(answer, status=0)
    if status == 200 and not last.get("whole"):
        status = 0
    return replace(answer, status=status, body=json.dumps({"sentence": sentence}).encode())


def small_wish(**changes: Any) -> dict[str, Any]:
    """A dream of two steps over a sample."""
    controls = {name: value for name, value in controls_of("Whisper").items() if name != "strength"}
    return controls | {"photo": "cat", "base": "Whisper", "side": 224, "octaves": 1, "iterations": 2} | changes


def noise_photo() -> bytes:
    """A JPEG of 800 x 600 pixels, another one each time."""
    file = io.BytesIO()
    Image.effect_noise((800, 600), 80).save(file, "JPEG")
    return file.getvalue()
