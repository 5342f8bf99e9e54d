"""A studio that costs nothing, a Chromium, and pages that fail their test for whatever goes wrong on them.

`make test-browser` installs what is needed and insists on it; elsewhere these tests are skipped with the reason.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from budgets import SPENT
from made_project import make_project
from visiting import INSISTED, Server, Visitor, missing, running

from benchmarks.screenshots import FLAGS, find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_BEGUN = pytest.StashKey[float]()  # when all tests began


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_BEGUN] = time.monotonic()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Chromium. The rest, which only speaks HTTP, is run with all other tests."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of several processes that share the tests is done: what it spent counts with the rest."""
    for name, seconds in node.workeroutput.get("spent", {}).items():
        for each in seconds:
            SPENT.add(name, each)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["spent"] = SPENT.seconds
        return
    begun = session.config.stash.get(_BEGUN, None)  # none where other tests began before these were found
    if INSISTED and begun is not None:
        together = session.config.getoption("numprocesses", None)
        SPENT.add("tests side by side take" if together else "tests alone take", time.monotonic() - begun)
    if SPENT.failing() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in SPENT.lines():
        terminalreporter.write_line(f"budget: {line}")


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
    with running(Server(tmp_path_factory.mktemp("control"), tmp_path_factory.mktemp("temporary"))) as server:
        yield server


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
    with running(server):
        yield server


@pytest.fixture
def culled_server(shared_culled_server: Server) -> Server:
    """The one that tests share, where nobody has decided anything yet."""
    (shared_culled_server.control / "data/decisions.jsonl").write_text("")
    return shared_culled_server


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    if not INSISTED:  # they take longer than all the others
        pytest.skip("run `make test-browser`")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    chromium = find_chromium()
    if chromium is None:
        missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


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
