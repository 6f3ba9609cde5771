"""Figures in Prometheus' text format (0.0.4, which every version of it reads), by its own library.

A page is made of plain numbers at the moment it is asked for. The process' own figures (memory, descriptors, CPU time)
are those that the library reads from /proc, of the process that answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from relay.telemetry.catalogue import ALL, Kind, Metric
from relay.telemetry.counters import SUM, Key
from relay.telemetry.metrics import Metrics

CONTENT_TYPE = exposition.CONTENT_TYPE_PLAIN_0_0_4
_Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class MetricsPage(Collector):
    """All figures as one page."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """The page of metrics that Prometheus reads."""
        self._metrics.settle()
        return exposition.generate_latest(self._registry)

    def describe(self) -> Iterator[_Family]:
        """Nothing: the library would collect to find out what there is."""
        return iter(())

    def collect(self) -> Iterator[_Family]:
        """One family a figure."""
        counters = self._metrics.counters
        for metric in ALL:
            match metric.kind:
                case Kind.COUNTER:
                    yield _plain(CounterMetricFamily, metric, counters.counts)
                case Kind.GAUGE:
                    yield _plain(GaugeMetricFamily, metric, counters.marks)
                case Kind.HISTOGRAM:
                    yield _histogram(metric, counters.counts)


def _plain(
    kind: type[CounterMetricFamily | GaugeMetricFamily], metric: Metric, numbers: Mapping[Key, float]
) -> _Family:
    family = kind(metric.name, metric.help, labels=metric.labels)
    told: dict[Key, float] = {(value,): 0.0 for value in metric.closed} if metric.labels else {(): 0.0}
    told.update(
        {labels: number for (name, *rest), number in numbers.items() if name == metric.name for labels in [tuple(rest)]}
    )
    for labels, number in sorted(told.items()):
        family.add_metric(labels, number)
    return family


def _histogram(metric: Metric, numbers: Mapping[Key, float]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    seen = {key[1:-1] for key in numbers if key[0] == metric.name} or ({()} if not metric.labels else set())
    for labels in sorted(seen):
        at, buckets = 0.0, []
        for number, bound in enumerate([*map(str, metric.buckets), "+Inf"]):
            at += numbers.get((metric.name, *labels, str(number)), 0)
            buckets.append((bound, at))
        family.add_metric(labels, buckets, numbers.get((metric.name, *labels, SUM), 0))
    return family
