"""A studio that costs nothing, a Chromium, and pages that fail their test for whatever goes wrong on them.

`make test-browser` installs what is needed and insists on it; elsewhere these tests are skipped with the reason.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from made_project import make_project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

INSISTED = os.environ.get("NIGHTMARE_BROWSER") == "1"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing(what: str) -> None:
    if INSISTED:
        pytest.fail(f"{what} is missing: run `make test-browser`")
    pytest.skip(f"{what} is missing: run `make test-browser`")


@dataclass
class Server:
    """A studio in a process of its own, with dreams as `stub_studio.py` makes them."""

    control: Path
    temporary: Path
    arguments: tuple[str, ...] = ()
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        (self.control / "address").unlink(missing_ok=True)
        self.delay(0.02)
        stub = Path(__file__).with_name("stub_studio.py")
        command = [sys.executable, str(stub), str(self.control), "--port", str(self.port), *self.arguments]
        environment = os.environ | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(self.temporary),
        }
        with (self.control / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while "\n" not in self._note("address"):
            assert self.process.poll() is None and time.monotonic() < until, self.log()
            time.sleep(0.05)
        self.port = int(self._note("address").split("127.0.0.1:")[1].split("/")[0])

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def delay(self, seconds: float) -> None:
        """Seconds that a step takes from now on."""
        waiting = self.control / "delay.part"
        waiting.write_text(str(seconds))
        waiting.rename(self.control / "delay")

    def count(self, file: str) -> int:
        """Lines in one of the notes of the studio."""
        return len(self._note(file).splitlines())

    def _note(self, file: str) -> str:
        notes = self.control / file
        return notes.read_text() if notes.is_file() else ""

    def log(self) -> str:
        return (self.control / "log").read_text(errors="replace")


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start a studio of one's own, which may be killed."""
    started: list[Server] = []

    def start(*arguments: str) -> Server:
        server = Server(tmp_path_factory.mktemp("control"), tmp_path_factory.mktemp("temporary"), arguments)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("control"), tmp_path_factory.mktemp("temporary"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """The studio that tests share, at its usual pace."""
    shared_server.delay(0.02)
    return shared_server


@pytest.fixture(scope="session")
def shared_culled_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio in the folder of a project that has been culled."""
    server = Server(tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("temporary"))
    make_project(server.control)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def culled_server(shared_culled_server: Server) -> Server:
    """The one that tests share, where nobody has decided anything yet."""
    (shared_culled_server.control / "data/decisions.jsonl").write_text("")
    return shared_culled_server


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visitor:
    """A person with a browser of their own. Whatever goes wrong in it and was not `expected` fails the test."""

    context: "BrowserContext"
    url: str
    expected: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def expect(self, *parts: str) -> None:
        """Faults that hold one of `parts` are asked for, such as `503` or an address."""
        self.expected |= set(parts)

    def page(self) -> "Page":
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        page.on(
            "console", lambda message: self._fault(message.type in ("error", "warning"), f"console: {message.text}")
        )
        page.on("pageerror", lambda error: self._fault(True, f"page: {error}"))
        page.on("response", lambda answer: self._fault(answer.status >= 400, f"status {answer.status}: {answer.url}"))
        page.on("request", lambda request: self._request(request.url))
        return page

    def open(self, path: str = "/") -> "Page":
        """A page on which the model is awake."""
        page = self.page()
        page.goto(self.url + path)
        page.wait_for_selector(".nm-dream-button:not([disabled])", state="attached", timeout=20_000)
        return page

    def check(self) -> None:
        faults = [fault for fault in self.faults if not any(part in fault for part in self.expected)]
        assert not faults, "\n".join(faults)

    def _request(self, url: str) -> None:
        self.requests.append(url)
        self._fault(not url.startswith((self.url, "data:", "blob:")), f"away from here: {url}")

    def _fault(self, wrong: bool, fault: str) -> None:
        if wrong:
            self.faults.append(fault)


@pytest.fixture
def visit(browser: "Browser") -> Iterator[Callable[..., Visitor]]:
    """A visitor of a server; options are those of a browser context. The content note is out of the way."""
    visitors: list[Visitor] = []

    def come(server: Server, *, note: bool = False, **options: Any) -> Visitor:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        if not note:
            context.add_init_script(
                "localStorage.getItem('nightmare.blur') ?? localStorage.setItem('nightmare.blur', 'false')"
            )
        visitors.append(Visitor(context, server.url))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.context.close()
    for visitor in visitors:
        visitor.check()
