"""A studio in a process of its own, and people who visit it with a browser."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import pytest
from budgets import SPENT

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

INSISTED = os.environ.get("NIGHTMARE_BROWSER") == "1"
_Server = TypeVar("_Server", bound="Server")
_ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)/.*\n")


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
        environment = os.environ | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(self.temporary),
        }
        with SPENT.on("a studio answers after"):
            with (self.control / "log").open("ab") as log:
                self.process = subprocess.Popen(
                    self._command(), cwd=self.control, env=environment, stdout=log, stderr=log
                )
            until = time.monotonic() + 60
            while not (address := _ADDRESS.search(self._told())):
                assert self.process.poll() is None and time.monotonic() < until, self.log()
                time.sleep(0.05)
        self.port = int(address[1])

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)  # on a busy machine Python takes ten seconds to let go of its modules

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def delay(self, seconds: float) -> None:
        """Seconds that a step takes from now on."""
        waiting = self.control / "delay.part"
        waiting.write_text(str(seconds))
        waiting.rename(self.control / "delay")

    def _command(self) -> list[str]:
        stub = Path(__file__).with_name("stub_studio.py")
        return [sys.executable, str(stub), str(self.control), "--port", str(self.port), *self.arguments]

    def _told(self) -> str:
        """Where the address stands once it answers."""
        return self._note("address")

    def count(self, file: str) -> int:
        """Lines in one of the notes of the studio."""
        return len(self._note(file).splitlines())

    def _note(self, file: str) -> str:
        notes = self.control / file
        return notes.read_text() if notes.is_file() else ""

    def log(self) -> str:
        return (self.control / "log").read_text(errors="replace")


class RealServer(Server):
    """`nightmare studio`, in a folder of its own where nothing was ever trained."""

    def _command(self) -> list[str]:
        nightmare = Path(sys.executable).with_name("nightmare")
        return [str(nightmare), "studio", "--port", str(self.port), *self.arguments]

    def _told(self) -> str:
        return self.log()


@contextmanager
def running(server: _Server) -> Iterator[_Server]:
    """`server` while it runs."""
    server.start()
    yield server
    server.stop()


@dataclass(frozen=True)
class Fault:
    """What went wrong on a page: in words, with the status of the answer and the address where there is one."""

    words: str
    status: int = 0
    address: str = ""


@dataclass(frozen=True)
class Expected:
    """A `kind` of faults, which is a status or words, at addresses that begin with `path`."""

    kind: str
    path: str = ""

    def covers(self, fault: Fault) -> bool:
        said = fault.status == int(self.kind) if self.kind.isdecimal() else self.kind in fault.words
        return said and urlsplit(fault.address).path.startswith(self.path)


@dataclass
class Visitor:
    """A person with a browser of their own. Whatever goes wrong in it and was not expected fails the test."""

    context: "BrowserContext"
    url: str
    expected: list[Expected] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def expect(self, *kinds: str, path: str = "") -> None:
        """Faults of one of `kinds` are asked for, a status such as `503` or words such as `net::`; with a `path` only
        those at an address that begins with it.
        """
        self.expected += [Expected(kind, path) for kind in kinds]

    def page(self) -> "Page":
        page = self.context.new_page()
        page.set_default_timeout(30_000)  # on a busy machine Gradio's page alone takes six
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(Fault(f"page: {error}")))
        page.on("response", self._response)
        page.on("request", lambda request: self._request(request.url))
        return page

    def open(self, path: str = "/") -> "Page":
        """A page on which the model is awake."""
        page = self.page()
        with SPENT.on("a page can be used after"):
            page.goto(self.url + path)
            page.wait_for_selector(".nm-dream-button:not([disabled])", state="attached")
        return page

    def check(self) -> None:
        faults = [fault for fault in self.faults if not any(each.covers(fault) for each in self.expected)]
        assert not faults, "\n".join(map(str, faults))

    def _console(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):
            status = re.search(r"responded with a status of (\d{3})\b", message.text)
            address = str(message.location.get("url", ""))
            self.faults.append(Fault(f"console: {message.text}", int(status[1]) if status else 0, address))

    def _response(self, answer: "Response") -> None:
        if answer.status >= 400:
            self.faults.append(Fault(f"status {answer.status}", answer.status, answer.url))

    def _request(self, address: str) -> None:
        self.requests.append(address)
        if not address.startswith((self.url, "data:", "blob:")):
            self.faults.append(Fault("away from here", address=address))
