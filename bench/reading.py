"""What a pick-up costs its reader: the time until the text is there on a slow processor, and the browser's memory.

    python bench/reading.py [--rounds N] [--slower N] [--small OCTETS] [--large OCTETS]

A relay, the public web service and Debian's chromium, as root. Told are:

- milliseconds from the click to the text of a mail of 100 KB. `page`: the page's own thread is slowed, as a browser's
  developer tools do it (`Emulation.setCPUThrottlingRate`); that slows neither its workers nor native code in other
  threads. `all`: all threads of the page's process together have that part of one processor (a quota of the control
  group `cpu`), which is less than any device has whose cores are that much slower;
- the most memory of the page's process, and of the whole browser above an empty tab, while a large mail opens.

The code is typed as a person types it, ten letters a second.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.browser import browser, tab
from lab.browser_memory import Pages, processes
from lab.french_mail import HTML, TEXT, png
from lab.pickup_site import DOCTOR, PATIENT, Site, pickup_site
from lab.processes import Family, peak

if TYPE_CHECKING:  # as in the lab
    from playwright.sync_api import Browser

GROUP = Path("/sys/fs/cgroup/cpu/pickup-reading")
PERIOD = 40_000
"""Microseconds."""
BETWEEN_KEYS = 100
"""Milliseconds."""
WATCH = """() => {
  let begun;
  document.getElementById("unlock").addEventListener("submit", () => (begun = performance.now()), { capture: true });
  window.seen = new Promise((done) => {
    const drawn = () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
    const observer = new MutationObserver(() => document.querySelector("#body iframe").addEventListener("load", drawn));
    observer.observe(document.getElementById("body"), { childList: true });
  });
}"""
"""`seen`: milliseconds from the click until a frame with the text is made."""


def mail(octets: int) -> bytes:
    """As large as that, by its attachment."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = DOCTOR, PATIENT, "Analyses"
    made.set_content(TEXT)
    made.add_alternative(HTML, subtype="html")
    made.get_payload()[1].add_related(png(), "image", "png", cid="<courbe>")  # type: ignore[index, union-attr]  # it is multipart
    file = bytes(range(256)) * (octets * 57 // 78 // 256)
    made.add_attachment(file, maintype="application", subtype="pdf", filename="compte-rendu.pdf")
    return made.as_bytes().replace(b"\n", b"\r\n")


def typed(page: Any, site: Site) -> None:  # noqa: ANN401  as the lab's tab
    page.goto(site.link())
    page.evaluate(WATCH)
    page.locator("#code").press_sequentially(site.code(), delay=BETWEEN_KEYS)


def until_read(chromium: Browser, site: Site, way: str, slower: int) -> float:
    """Milliseconds."""
    with tab(chromium) as page:
        page.goto(site.link())
        if way == "page":
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        with _quota(processes(chromium, "renderer"), slower) if way == "all" else nullcontext():
            typed(page, site)
            page.click("#open")
            return float(page.evaluate("() => window.seen"))


@contextmanager
def _quota(pids: list[int], slower: int) -> Iterator[None]:
    GROUP.mkdir()
    try:
        (GROUP / "cpu.cfs_period_us").write_text(str(PERIOD))
        (GROUP / "cpu.cfs_quota_us").write_text(str(PERIOD // slower))
        for pid in pids:
            (GROUP / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for left in (GROUP / "cgroup.procs").read_text().split():
            (GROUP.parent / "cgroup.procs").write_text(left)
        GROUP.rmdir()


def memory(site: Site) -> dict[str, float]:
    """Megabytes, in a browser of its own."""
    with browser() as chromium, tab(chromium) as page:
        everything = Family(processes(chromium, "browser")[0])
        everything.settle()
        with peak(everything) as whole:
            typed(page, site)
            pages = Pages(chromium)
            pages.start()
            page.click("#open")
            page.evaluate("() => window.seen")
            everything.settle()
            pages.stop()
    resident, own = pages.most
    found = {"page_resident": resident, "page_own": own, "browser_above": whole.above}
    return {name: round(octets / 1e6, 1) for name, octets in found.items()}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--slower", type=int, default=20)
    options.add_argument("--small", type=int, default=100_000)
    options.add_argument("--large", type=int, default=29_000_000)
    chosen = options.parse_args()
    with pickup_site({"max_message_size": "40MB"}) as site:
        if chosen.small:
            site.send(mail(chosen.small))
            with browser() as chromium:
                for way in ("not slowed", "page", "all"):
                    taken = [until_read(chromium, site, way, chosen.slower) for _ in range(chosen.rounds)]
                    told = {
                        "slowed": way,
                        "milliseconds": round(statistics.median(taken)),
                        "each": list(map(round, taken)),
                    }
                    print(json.dumps(told), flush=True)
        if chosen.large:
            site.send(mail(chosen.large))
            for _ in range(chosen.rounds):
                print(json.dumps({"megabytes": memory(site)}), flush=True)


if __name__ == "__main__":
    main()
