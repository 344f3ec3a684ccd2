"""A page as a person opens it: in a real Chromium without a network, by day and by night."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

QUIET = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium or Chrome, or the one that playwright has installed; without one skip the test."""
    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    # Chromium's sandbox refuses to run as root, as in most containers
    arguments = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else QUIET
    with sync_playwright() as playwright:
        if not installed and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium: apt-get install chromium (as root), or: playwright install chromium")
        browser = playwright.chromium.launch(executable_path=installed, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def faults(browser: Browser, path: Path, scheme: str = "light") -> list[str]:
    """Return a page's errors on a phone, the files that it requests, absent pictures, and what axe-core finds."""
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": 360, "height": 780})
    page, address, found = context.new_page(), path.resolve().as_uri(), []
    page.on("console", lambda message: found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("request", lambda request: found.append(f"asks for: {request.url}"))
    page.goto(address)
    missing = page.evaluate("[...document.images].filter(image => !image.naturalWidth).map(image => image.alt)")
    found += [f"no picture: {alt}" for alt in missing]
    found += ["wider than the screen"] if page.evaluate("document.body.scrollWidth > innerWidth") else []
    axe = Axe().run(page)
    found += [axe.generate_report()] if axe.violations_count else []
    context.close()
    found.remove(f"asks for: {address}")
    return [line for line in found if not line.startswith("asks for: data:")]


def check_page(path: Path) -> None:
    """Assert that a page is whole in its one file, and accessible in both color schemes."""
    with chromium() as browser:
        for scheme in ("light", "dark"):
            assert faults(browser, path, scheme) == [], scheme
