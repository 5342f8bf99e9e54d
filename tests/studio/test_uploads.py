"""Photos that come in at the same time: few are decoded at once, and not many are waited for."""

import asyncio
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from made_pictures import file_of, picture
from starlette.requests import Request
from studios import dreamer

from nightmare.studio.api import common_routes
from nightmare.studio.brush import Brush
from nightmare.studio.errors import Refusal
from nightmare.studio.library import Library, Original
from nightmare.studio.limits import LIMITS
from nightmare.studio.manifest import Tables
from nightmare.studio.tab import Parts
from nightmare.studio.worker import DeviceWorker
from nightmare.train.model import Model


class Watched(Library):
    """Says how many photos it reads at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.most, self._now, self._counting = 0, 0, threading.Lock()

    def bring(self, content: bytes, name: str) -> Original:
        with self._counting:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.05)
        with self._counting:
            self._now -= 1
        return Original("key", name, content, 64, 48)


def test_few_photos_are_read_at_once_and_many_are_refused(small: Model, worker: DeviceWorker) -> None:
    library, limits = Watched(), replace(LIMITS, uploads=5, uploads_read=2)
    here = dreamer(small, worker)
    app = FastAPI()
    parts = Parts(Path(), here.catalogue, library, here, Brush(here), Tables(Path()), limits)
    app.include_router(common_routes(parts))

    @app.exception_handler(Refusal)
    def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse(refusal.sentence, refusal.status)

    content = file_of(picture(64, 48))

    async def upload() -> int:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/api/photos", "query_string": b"", "headers": []}
        await app(scope, receive, send)
        assert json.loads(sent[1]["body"])
        status: int = sent[0]["status"]
        return status

    async def uploads() -> list[int]:
        return await asyncio.gather(*(upload() for _ in range(7)))

    assert sorted(asyncio.run(uploads())) == [200] * 5 + [503] * 2
    assert library.most == 2
