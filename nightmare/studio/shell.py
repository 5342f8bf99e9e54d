"""The studio as one ASGI application: our routes and guard around the forms of Gradio.

`nightmare studio` serves it on 127.0.0.1. Everything happens on this machine; no request leaves it.
"""

import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from nightmare.errors import NightmareError
from nightmare.studio.api import dream_routes
from nightmare.studio.brush import QUALITIES, Brush
from nightmare.studio.dreams import Dreamer, Dreamt, Steps
from nightmare.studio.errors import Refusal
from nightmare.studio.frames import FrameStore
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.models import Catalogue, Network
from nightmare.studio.security import Guard
from nightmare.studio.worker import DeviceWorker

__all__ = ["Studio", "create_app"]

STATIC = Path(__file__).with_name("static")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_log = logging.getLogger(__name__)


@dataclass
class Studio:
    """What a studio is made of. `root` is the project's folder; `steps` stand in for the engine in tests."""

    root: Path
    networks: list[Network]
    hosts: tuple[str, ...] = _LOOPBACK
    token: str | None = None
    limits: Limits = LIMITS
    steps: Steps | None = None
    ready: threading.Event = field(default_factory=threading.Event)


def create_app(studio: Studio) -> Any:
    """The application, with a device thread of its own, that warms up while the first page loads."""
    uploads = Path(tempfile.mkdtemp(prefix="nightmare-studio-"))
    # Gradio reads these when it is imported.
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(uploads),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
    }
    import gradio

    from nightmare.studio.blocks import build_blocks, mount_settings

    limits = studio.limits
    worker = DeviceWorker(patches_waiting=limits.patches_waiting)
    dreamer = Dreamer(Catalogue(studio.networks), worker, FrameStore[Dreamt](limits=limits), limits=limits, steps=studio.steps)
    brush = Brush(dreamer)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        threading.Thread(target=_warm_up, args=(studio, dreamer, brush), name="warm-up", daemon=True).start()
        yield
        worker.close()
        shutil.rmtree(uploads, ignore_errors=True)

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(dream_routes(dreamer, brush))
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.get("/healthz")
    def health() -> dict[str, Any]:
        return {"ready": studio.ready.is_set(), "models": len(studio.networks), "patch_ms": brush.milliseconds}

    @app.get("/openapi.json")
    @app.get("/gradio_api/openapi.json")
    def closed() -> None:
        raise HTTPException(404)

    _speak(app)
    app = gradio.mount_gradio_app(app, build_blocks(studio, dreamer), path="/", **mount_settings(studio))
    return Guard(
        app, hosts=studio.hosts, token=studio.token, uploads_bytes=lambda: _bytes_below(uploads), limits=limits
    )


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
        return JSONResponse({"sentence": f"{fault['loc'][-1]}: {fault['msg']}"}, 422)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return JSONResponse({"sentence": "Something went wrong here; the terminal says what."}, 500)


def _warm_up(studio: Studio, dreamer: Dreamer, brush: Brush) -> None:
    """The first patch and the first steps are slow ones: they are made before anybody waits for them."""
    from nightmare.dream.presets import PRESETS
    from nightmare.studio.looks import in_network

    network = dreamer.catalogue.network(dreamer.catalogue.first)
    side = 224
    try:
        for quality in QUALITIES:
            for _ in range(2):
                brush.stamp(
                    bytes(4 * side * side), width=side, height=side, network=network.name, quality=quality, seed=0
                )
        for recipe in PRESETS.values():
            dreamer.calibrate(network.name, in_network(recipe, network))
    except NightmareError as error:
        _log.error("the model %s cannot dream: %s", network.name, error)
    studio.ready.set()


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
