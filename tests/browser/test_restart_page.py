"""A studio that dies while a page is open: the page says so, keeps what it has, and works again without a reload."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from made_pictures import file_of, picture
from pages import RESULT, chosen, dream
from visiting import Server, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Page


def left_alone(server: Server, visitor: Visitor) -> "Page":
    """A page whose server dies in the midst of a dream, of which it has seen something."""
    visitor.expect("net::")
    page = visitor.open()
    chosen(page, file_of(picture(320, 240)))
    server.delay(0.3)
    dream(page)
    page.wait_for_selector(".nm-frame")
    server.kill()
    return page


def test_page_outlives_the_server(start_server: Callable[..., Server], visit: Callable[..., Visitor]) -> None:
    server = start_server()
    page = left_alone(server, visit(server))
    page.wait_for_selector(".nm-banner:not([hidden])", timeout=15_000)
    assert page.locator(".nm-frame").count() >= 1
    server.start()
    page.wait_for_selector(".nm-viewer[data-state=idle]", timeout=40_000)
    assert page.locator(".nm-banner:not([hidden])").count() == 0
    assert "Dream again" in page.inner_text(".nm-viewer > [role=alert]")
    dream(page)
    page.wait_for_selector(RESULT)
    assert page.get_attribute(".nm-before", "alt") == "The photo"
    assert page.inner_text(".nm-photo [role=status]") == "photo"


def test_page_logs_in_where_the_server_comes_back_with_a_token(
    start_server: Callable[..., Server], visit: Callable[..., Visitor]
) -> None:
    server = start_server()
    visitor = visit(server)
    visitor.expect("401")
    page = left_alone(server, visitor)
    server.arguments = ("--token", "secret")
    server.start()
    page.wait_for_function(
        "document.querySelector('.nm-banner [role=alert]')?.textContent.startsWith('Log in first')", timeout=40_000
    )
    page.get_by_label("Token").fill("guessed")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_function("document.querySelector('.nm-banner').textContent.includes('That is not the token')")
    assert page.locator(".nm-frame").count() == 1
    page.get_by_label("Token").fill("secret")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector(".nm-viewer[data-state=idle]")
    page.wait_for_selector(".nm-banner", state="hidden")
    assert "Dream again" in page.inner_text(".nm-viewer > [role=alert]")
    server.delay(0.02)
    dream(page)
    page.wait_for_selector(RESULT)
    assert page.inner_text(".nm-photo [role=status]") == "photo"
