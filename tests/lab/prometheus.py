"""What a monitoring system asks of the relay: its pages over HTTP, and their figures by Prometheus' own parser."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from lab.canary import assert_unheard


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
