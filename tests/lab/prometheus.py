"""What monitoring asks of the relay: its pages, their figures by Prometheus' own parser, and a real Prometheus."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import yaml
from prometheus_client.parser import text_string_to_metric_families

from lab.canary import assert_unheard
from lab.ports import free_port
from lab.waiting import wait_for

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        assert_unheard(body, path)
        return answer.status, body.decode()
    finally:
        connection.close()


def ask_socket(path: Path, request: bytes) -> bytes:
    """Whatever it says to these octets."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(request)
        answer = b""
        while more := connection.recv(1 << 16):
            answer += more
        return answer


Figures = dict[tuple[str, ...], float]


def figures(port: int) -> Figures:
    """Every sample by its name and its labels' values, in their alphabetical order."""
    status, page = ask(port, "/metrics")
    assert status == 200
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


class Prometheus:
    """Debian's Prometheus on a free port, scraping one relay every second; `with Prometheus(port) as prometheus`."""

    def __init__(self, target: int, *, rules: Path | None = None) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="prom", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        job = {"job_name": "pgp-relay", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        settings = {"global": every, "rule_files": [str(rules)] if rules else [], "scrape_configs": [job]}
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(settings))

    def __enter__(self) -> Self:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self._folder}/prometheus.yml",
                    f"--storage.tsdb.path={self._folder}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_for(self._ready, "Prometheus is ready", 60)
        except AssertionError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        assert self._process
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        shutil.rmtree(self._folder)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What it answers now; a query that it cannot parse raises."""
        return self._result("query", query=expression)

    def rules(self) -> list[dict[str, Any]]:
        """Every rule as it was last evaluated."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def _result(self, what: str, **given: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self._ask(f"{what}?{urlencode(given)}")["result"]
        return result

    def _ask(self, what: str) -> Any:  # noqa: ANN401  JSON
        status, body = ask(self.port, f"/api/v1/{what}")
        assert status == 200, body
        return json.loads(body)["data"]

    def _ready(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise RuntimeError((self._folder / "log").read_text())
        try:
            return ask(self.port, "/-/ready")[0] == 200
        except OSError:
            return False


def dashboard() -> list[tuple[str, str, str, str]]:
    """Of each query in examples/grafana.json: its panel, the panel's unit, its legend, and the query for this lab."""
    panels = json.loads((EXAMPLES / "grafana.json").read_text())["panels"]
    return [
        (
            panel["title"],
            panel["fieldConfig"]["defaults"]["unit"],
            target["legendFormat"],
            target["expr"].replace("$__rate_interval", "20s").replace("$instance", ".*"),
        )
        for panel in panels
        for target in panel["targets"]
    ]
