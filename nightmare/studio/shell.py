"""The studio as one ASGI application: our routes and guard around the forms of Gradio.

`nightmare studio` serves it on 127.0.0.1. Everything happens on this machine; no request leaves it.
"""

import logging
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.requests import ClientDisconnect

from nightmare.device import best_device
from nightmare.errors import NightmareError
from nightmare.studio.api import common_routes
from nightmare.studio.brush import Brush
from nightmare.studio.dreams import Dreamer, Steps
from nightmare.studio.errors import Refusal
from nightmare.studio.library import Library
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.looks import LOOKS, base_recipe
from nightmare.studio.manifest import Tables
from nightmare.studio.models import Catalogue, Network
from nightmare.studio.security import Guard
from nightmare.studio.tab import STATIC, Parts
from nightmare.studio.warm_up import warm_up
from nightmare.studio.worker import DeviceWorker

__all__ = ["LOOPBACK", "Studio", "create_app"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_log = logging.getLogger(__name__)


@dataclass
class Studio:
    """What a studio is started with. `root` is the project's folder; `steps` stand in for the engine in tests.

    `hosts` are the names that it answers to, the one that is told to people first.
    It sets `ready` when its model is awake. Whoever sets `closing` has stopped all dreams.
    """

    root: Path
    networks: list[Network]
    hosts: tuple[str, ...] = LOOPBACK
    token: str | None = None
    limits: Limits = LIMITS
    steps: Steps | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)


def create_app(studio: Studio) -> Guard:
    """The application, with a device thread of its own, that warms up while the first page loads."""
    temporary = Path(tempfile.mkdtemp(prefix="nightmare-studio-"))
    # Gradio reads these when it is imported.
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(temporary),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
    }
    from nightmare.studio.blocks import TABS, mount

    limits = studio.limits
    worker = DeviceWorker(patches_waiting=limits.patches_waiting)
    catalogue, library = Catalogue(studio.networks), Library(limits=limits)
    dreamer = Dreamer(catalogue, worker, library, limits=limits, steps=studio.steps, closing=studio.closing)
    parts = Parts(studio.root, catalogue, library, dreamer, Brush(dreamer), Tables(studio.root), limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=warm_up, args=(parts, studio.ready), name="warm-up", daemon=True).start()
        yield
        studio.closing.set()
        await run_in_threadpool(worker.close)  # answers that are about to end go on meanwhile
        shutil.rmtree(temporary, ignore_errors=True)

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(common_routes(parts))
    for tab in TABS:
        if tab.routes:
            app.include_router(tab.routes(parts))
    app.mount("/studio", StaticFiles(directory=STATIC))

    device = str(best_device())

    @app.get("/healthz")
    def health() -> dict[str, Any]:
        """Milliseconds by quality of the brush, and of a step at 224 x 224 by look, as far as they are known."""
        steps = {look: dreamer.step_milliseconds(catalogue.first, base_recipe(look)) for look in LOOKS}
        return {
            "ready": studio.ready.is_set(),
            "device": device,
            "models": len(studio.networks),
            "patch_ms": parts.brush.milliseconds,
            "step_ms": {look: milliseconds for look, milliseconds in steps.items() if milliseconds is not None},
        }

    _speak(app)
    mount(app, parts)
    return Guard(app, hosts=studio.hosts, token=studio.token, limits=limits)


def _speak(app: FastAPI) -> None:
    """Every refusal is a sentence; what is a fault of ours is logged whole and told in one line."""

    @app.exception_handler(Refusal)
    def refused(_: Request, refusal: Refusal) -> JSONResponse:
        headers = {} if refusal.retry_after is None else {"retry-after": f"{refusal.retry_after:.0f}"}
        return JSONResponse({"sentence": refusal.sentence}, refusal.status, headers)

    @app.exception_handler(NightmareError)
    def failed(_: Request, error: NightmareError) -> JSONResponse:
        return JSONResponse({"sentence": str(error)}, 422)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        return JSONResponse({"sentence": f"{fault['loc'][-1]}: {fault['msg']}."}, 422)

    @app.exception_handler(ClientDisconnect)
    def late(_: Request, error: ClientDisconnect) -> JSONResponse:
        return JSONResponse({"sentence": "The rest of that did not arrive in time."}, 408)

    @app.exception_handler(CancelledError)
    def closing(_: Request, error: CancelledError) -> JSONResponse:
        return JSONResponse({"sentence": "The studio is closing."}, 503)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return JSONResponse({"sentence": "Something went wrong here; the terminal says what."}, 500)
