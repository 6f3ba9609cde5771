"""Debian's Firefox without a window, driven by Marionette."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.marionette import Marionette
from lab.ports import free_port
from lab.waiting import wait_for

FIREFOX = Path("/usr/bin/firefox-esr")
PATIENCE = 120.0
"""Seconds that it may take to start, and to end, on a slow machine too."""
needs_firefox = pytest.mark.skipif(not FIREFOX.exists(), reason="firefox-esr is not installed")
_PREFERENCES: dict[str, object] = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "intl.accept_languages": "fr",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
}


@contextmanager
def firefox(downloads: Path) -> Iterator[Marionette]:
    """Scripts run in the page; what it downloads lies in this folder."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pf", dir="/tmp", ignore_cleanup_errors=True) as name:
        saves = {"browser.download.folderList": 2, "browser.download.dir": str(downloads), "pdfjs.disabled": True}
        preferences = {**_PREFERENCES, **saves, "marionette.port": port}
        lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in preferences.items()]
        Path(name, "user.js").write_text("\n".join(lines))
        words = [
            str(FIREFOX),
            "--headless",
            "--marionette",
            "--remote-allow-system-access",
            "--no-remote",
            "--profile",
            name,
        ]
        environment = {**os.environ, "HOME": name, "LANG": "C.UTF-8", "MOZ_DISABLE_AUTO_SAFE_MODE": "1"}
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with wait_for(lambda: _driven(port), "Firefox listens", PATIENCE) as driver:
                yield driver
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _driven(port: int) -> Marionette | None:
    try:
        return Marionette(port, PATIENCE, context="content")
    except ConnectionError:  # it does not listen yet, or not in earnest
        return None
