"""A page as a person opens it: in a real Chromium without a network, on a phone and on a desk, by day and by night."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
QUIET = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
NO_BROWSER = "no Chromium: apt-get install chromium (as root), or: playwright install chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium or Chrome, else the one that playwright has installed; else the test is skipped."""
    ours = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    # Chromium's sandbox refuses to run as root, as in most containers
    arguments = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else QUIET
    with sync_playwright() as playwright:
        if not ours and not Path(playwright.chromium.executable_path).exists():
            pytest.skip(NO_BROWSER)
        browser = playwright.chromium.launch(executable_path=ours, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def faults(browser: Browser, path: Path, width: int = WIDTHS[0], scheme: str = SCHEMES[0]) -> list[str]:
    """What is wrong with a page: errors, files that it asks for, pictures that are not there, words beyond the edge,
    and what axe-core finds.
    """
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 780})
    page, address, found = context.new_page(), path.resolve().as_uri(), []
    page.on("console", lambda message: found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("request", lambda request: found.append(f"asks for: {request.url}"))
    page.goto(address)
    missing = page.evaluate("[...document.images].filter(image => !image.naturalWidth).map(image => image.alt)")
    found += [f"no picture: {alt}" for alt in missing]
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found += [f"scrolls sideways by {beyond} pixels"] if beyond > 0 else []
    axe = Axe().run(page)
    found += [axe.generate_report()] if axe.violations_count else []
    context.close()
    found.remove(f"asks for: {address}")
    return [line for line in found if not line.startswith("asks for: data:")]


def check_page(path: Path) -> None:
    """Assert that a page is whole in its one file, and fit to read at every width and in both schemes."""
    with chromium() as browser:
        for width in WIDTHS:
            for scheme in SCHEMES:
                assert faults(browser, path, width, scheme) == [], f"{width} pixels wide, {scheme}"
