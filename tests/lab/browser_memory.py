"""What a page costs in memory: the processes of chromium, and the most that one for pages had."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from lab.processes import PAGE

if TYPE_CHECKING:  # only tests with a browser have it
    from playwright.sync_api import Browser


def processes(chromium: Browser, kind: str) -> list[int]:
    """Of the browser: `browser`, or `renderer`, those of its pages."""
    told = chromium.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return [one["id"] for one in told["processInfo"] if one["type"] == kind]


class Pages(Thread):
    """Watches the browser's processes for pages. The page is the one that has most."""

    def __init__(self, chromium: Browser) -> None:
        super().__init__()
        self._files = [Path(f"/proc/{pid}/statm") for pid in processes(chromium, "renderer")]
        self._ended = Event()
        self.most = (0, 0)
        """Resident, and without what it shares: the program, mostly."""

    def run(self) -> None:
        """Until `stop`."""
        while not self._ended.wait(0.002):
            for file in self._files:
                with suppress(FileNotFoundError, ProcessLookupError):  # it was of a page that is closed
                    self.most = max(self.most, self._now(file))

    @staticmethod
    def _now(file: Path) -> tuple[int, int]:
        _, resident, shared, *_ = map(int, file.read_text().split())
        return resident * PAGE, (resident - shared) * PAGE

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()
