"""Somebody who opens page after page of the console, without a pause, on a machine of their own.

That machine is a process here, which gets the processor when nobody else wants it (`lab.separate_process`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import cycle

from lab.console import Visitor
from lab.separate_process import LEAST, SeparateProcess


class Browsing:
    """`with Browsing.by(visitor, paths) as browsing, browsing.now(): …`; `pages` were opened in all."""

    def __init__(self, apart: SeparateProcess[_Browser]) -> None:
        self._apart = apart
        self.pages = 0

    @classmethod
    @contextmanager
    def by(cls, visitor: Visitor, paths: Sequence[str]) -> Iterator[Browsing]:
        with SeparateProcess(partial(_browser, visitor, paths), LEAST) as apart:
            yield cls(apart)

    @contextmanager
    def now(self, pause: float = 0) -> Iterator[None]:
        """Open pages meanwhile, with so many seconds between two."""
        self._apart.call(_Browser.begin, pause)
        try:
            yield
        finally:
            self.pages += self._apart.call(_Browser.end)


# In the process apart


class _Browser:
    def __init__(self, visitor: Visitor, paths: Sequence[str], thread: ThreadPoolExecutor) -> None:
        self._visitor = visitor
        self._paths = cycle(paths)
        self._thread = thread
        self._over = threading.Event()
        self._opened: Future[int] | None = None

    def begin(self, pause: float) -> None:
        self._over.clear()
        self._opened = self._thread.submit(self._open, pause)

    def end(self) -> int:
        self._over.set()
        assert self._opened
        return self._opened.result()

    def _open(self, pause: float) -> int:
        pages = 0
        while not self._over.is_set():
            path = next(self._paths)
            assert self._visitor.get(path).status == 200, path
            pages += 1
            self._over.wait(pause)
        return pages


@contextmanager
def _browser(visitor: Visitor, paths: Sequence[str]) -> Iterator[_Browser]:
    with ThreadPoolExecutor(1) as thread:
        yield _Browser(visitor, paths, thread)
