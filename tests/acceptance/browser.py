"""A headless Chromium for tests of the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright_api = pytest.importorskip("playwright.sync_api")

#: How long the browser waits for anything, in milliseconds: the machine may be busy.
PATIENCE_MS = 120_000
_AXE = Path(__file__).with_name("axe") / "axe.min.js"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]

#: How far the page is wider than its window.
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium; without one the test is skipped on a laptop and fails in CI."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("ASSAY_TEST_SERVICES") == "required":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS, timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """One page, and what its console complained of."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def sign_in(self, key: str) -> None:
        self.open("/")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/ui/dashboard")

    def overflow(self, width: int) -> int:
        """By how many pixels the page is too wide for a window of this width."""
        self.page.set_viewport_size({"width": width, "height": 900})
        wider: int = self.page.evaluate(_OVERFLOW)
        return wider

    def violations(self) -> list[str]:
        """The rules of axe-core that the page breaks seriously, each with the elements that do."""
        # through the debugger, so that the page's policy does not stand in the way
        self.page.evaluate(_AXE.read_text())
        found = self.page.evaluate("axe.run()")
        return [
            f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']][:5]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
