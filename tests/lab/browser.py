"""A real browser: Debian's chromium, driven by playwright. What its console complains of is an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # only tests with a browser have it
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
PATIENCE = 120_000
"""Milliseconds that whatever is waited for may take, on a slow machine too; what is there is not waited for."""
needs_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed")


@contextmanager
def browser() -> Iterator[Browser]:
    """Started, without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only tests with a browser have it

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS, timeout=PATIENCE)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def with_scroll_bars(started: Browser) -> Iterator[Browser]:
    """A second one, in which scroll bars take room as in a window."""
    hidden = ["--hide-scrollbars"]
    second = started.browser_type.launch(
        executable_path=str(CHROMIUM), args=ARGUMENTS, ignore_default_args=hidden, timeout=PATIENCE
    )
    try:
        yield second
    finally:
        second.close()


@contextmanager
def tab(started: Browser, expected: tuple[str, ...] = (), **options: Any) -> Iterator[Any]:  # noqa: ANN401  as playwright has them
    """A page of its own; `page.asked` is every address that it asked for.

    A fault that its console tells fails the test, unless one of the `expected` words stands in it.
    """
    context = started.new_context(locale="fr-FR", **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    faults: list[str] = []
    page.asked = asked = []  # type: ignore[attr-defined]  # for the test to look at
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    try:
        yield page
    finally:
        context.close()
    complaints = [fault for fault in faults if not any(word in fault for word in expected)]
    assert complaints == [], complaints


@contextmanager
def next_page(page: Any) -> Iterator[None]:  # noqa: ANN401  playwright's page
    """What is done in the block leads to another page, at whatever address; at its end that has styles and pictures.

    A click alone returns when the page begins: what is looked at then may be half of it, or the page before.
    """
    with page.expect_navigation():
        yield
