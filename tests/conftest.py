"""What holds for every test.

In CI a test that is skipped has failed, because CI has all that tests need. The one exception is test data beside the
repository (`../shared`), which a clone elsewhere does not have; such a skip names that folder in its reason.

A test that has written something of a mail to standard output, standard error or the log has failed (`lab.canary`).

Hypothesis measures no time: how long an example takes is the machine's doing. Its examples are the same in each run,
here and in CI; what nobody has thought of is looked for by `make fuzz`.

Where the tests of one mark alone are asked for (`-m "alone and not slow"`), files without it are not loaded.

What a test has counted is shown at the end of a run in which it passed: `record_property("counted", text)`.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from lab.canary import Sings, assert_unheard, listen, overhear

MARKS = ("alone", "slow", "waits")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where Debian has Postfix's programs, and a user's PATH ends before
    here = settings.get_profile(settings.get_current_profile_name())
    untimed = settings(here, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    settings.register_profile("untimed", untimed)
    settings.load_profile("untimed")
    listen()
    overhear(captured=config.getoption("capture") != "no")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, None, None]:
    """Collecting makes half a million objects that stay: to look through them for garbage took a third of its time."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    wanted = str(config.option.markexpr).partition(" ")[0]
    return True if wanted in MARKS and collection_path.suffix == ".py" and not _names(collection_path, wanted) else None


def pytest_itemcollected(item: pytest.Item) -> None:
    for mark in MARKS:
        if item.get_closest_marker(mark) and not _names(item.path, mark):
            raise pytest.UsageError(f"{item.nodeid}: its file does not say mark.{mark}, and would not be loaded")


@cache
def _names(file: Path, mark: str) -> bool:
    return f"mark.{mark}" in file.read_text()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if "../shared" not in reason:
            report.outcome = "failed"
            report.longrepr = f"skipped, and in CI no test may be: {reason}"
    if report.passed:
        _assert_quiet(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "counted":
                terminalreporter.write_line(f"Counted: {value}")


def _assert_quiet(report: pytest.TestReport) -> None:
    for place, text in report.sections:
        try:
            assert_unheard(text.encode(errors="surrogateescape"), place)
        except Sings as error:
            report.outcome = "failed"
            report.longrepr = str(error)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Generator[None, None, None]:
    """A test that set up the log leaves none to the next one."""
    yield
    structlog.reset_defaults()
