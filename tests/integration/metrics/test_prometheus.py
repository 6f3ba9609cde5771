"""A real Prometheus beside a real relay that has handled mail: what the examples ask for is there."""

from __future__ import annotations

import re
import smtplib
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from lab.canary import sent
from lab.known import KNOWN, Known
from lab.ports import free_port
from lab.prometheus import EXAMPLES, Prometheus, dashboard
from lab.relay import Relay
from lab.sink import Sink
from lab.waiting import wait_for

from relay.telemetry.catalogue import ALL, Kind

HERE = Path(__file__).parent
MONITORING = EXAMPLES.parent / "docs" / "monitoring.md"
SENDER = "dr.martin@hopital.example"
AWAY = "someone@away.example"
POLICY = [
    {"name": "inside", "to": ["*@hopital.example"], "encrypt": "never"},
    {"name": "everyone else", "encrypt": "required"},
]
ALERTS = re.findall(r"- alert: (\w+)", (EXAMPLES / "alerts.yml").read_text())
NUMBERS = count(1)


@pytest.fixture(scope="module")
def prometheus(known: Known) -> Iterator[Prometheus]:
    """Scraping a relay that encrypts, leaves clear, refuses and defers, and whose WKD is away for one domain."""
    metrics = free_port()
    wkd = {"connect_to": {f"{name}away.example:443": f"127.0.0.1:{free_port()}" for name in ("openpgpkey.", "")}}
    settings = {
        "metrics": f"127.0.0.1:{metrics}",
        "policy": POLICY,
        "lookup": {"sources": ["keyring", "wkd"], "wkd": {**wkd, "timeout": "2s"}},
    }
    with Sink() as sink, Relay({**settings, "reinject": f"smtp://127.0.0.1:{sink.port}"}) as relay:
        known.introduce(relay)
        relay.start()
        with Prometheus(metrics, rules=EXAMPLES / "alerts.yml") as running:
            mail(relay, AWAY)
            wait_for(lambda: running.query("pgp_relay_messages_total > 0"), "scraped")
            for recipient in (KNOWN, KNOWN, "dr.leroy@hopital.example", AWAY):
                mail(relay, recipient)
            seen = 'count(rate(pgp_relay_recipients_total{action=~"encrypt|clear|defer"}[20s])) == 3'
            last = 'sum(pgp_relay_recipients_total{action="defer"}) == 2'
            wait_for(lambda: running.query(seen) and running.query(last), "scraped twice, and the last mail")
            yield running


def mail(relay: Relay, recipient: str) -> None:
    content = f"From: {SENDER}\r\nSubject: kanarienvogel7 {next(NUMBERS)}\r\n\r\nkanarienvogel7\r\n".encode()
    sent(content)
    with smtplib.LMTP("127.0.0.1", relay.port, timeout=30) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(SENDER)
        client.rcpt(recipient)
        client.data(content)


@pytest.mark.parametrize(("panel", "query"), [(panel, query) for panel, _, _, query in dashboard()])
def test_every_query_of_the_dashboard_is_answered(prometheus: Prometheus, panel: str, query: str) -> None:
    answer = wait_for(lambda: prometheus.query(query), panel)  # nothing where the last scrape came too late

    assert all(series["value"][1] != "" for series in answer)


def test_the_dashboard_shows_what_happened(prometheus: Prometheus) -> None:
    actions = wait_for(lambda: prometheus.query(by("action")), "scraped")
    decided = {series["metric"]["action"]: float(series["value"][1]) for series in actions}

    assert decided["encrypt"] == 2
    assert decided["clear"] == 1
    assert decided["defer"] == 2
    outages = 'pgp_relay_source_requests_total{source="wkd", result="unavailable"}'
    (outage,) = wait_for(lambda: prometheus.query(outages), "scraped")
    assert float(outage["value"][1]) >= 1


def by(label: str) -> str:
    return f"sum by ({label}) (pgp_relay_recipients_total)"


def test_every_rule_is_evaluated_and_none_fires(prometheus: Prometheus) -> None:
    def evaluated() -> list[dict[str, Any]] | None:
        rules = prometheus.rules()
        return rules if all(rule["health"] == "ok" for rule in rules) else None

    rules = wait_for(evaluated, "evaluated")

    assert [rule["name"] for rule in rules] == ALERTS
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_promtool_has_nothing_against_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", EXAMPLES / "alerts.yml"], check=True, capture_output=True)


def test_each_alert_comes_when_it_should_and_not_before() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"], cwd=HERE, check=False, capture_output=True, text=True
    )
    fired = set(re.findall(r'alertname="(\w+)"\}', (HERE / "alerts_test.yml").read_text()))

    assert done.returncode == 0, done.stderr
    assert fired >= set(ALERTS)


def test_dashboard_and_rules_name_no_figure_that_does_not_exist() -> None:
    exposed = {name for figure in ALL for name in names(figure.exposed, figure.kind)}
    text = (EXAMPLES / "alerts.yml").read_text() + " ".join(query for *_, query in dashboard())

    assert set(re.findall(r"pgp_relay_[a-z_]+", text)) <= exposed


def names(name: str, kind: Kind) -> list[str]:
    return [f"{name}_bucket", f"{name}_count", f"{name}_sum"] if kind is Kind.HISTOGRAM else [name]


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_explained(alert: str) -> None:
    assert f"| `{alert}` |" in MONITORING.read_text()
