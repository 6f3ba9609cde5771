"""Figures in Prometheus' text format (0.0.4, which every version of it reads), by its own library.

A page is made of plain numbers at the moment it is asked for. The process' own figures (memory, descriptors, CPU time)
are those that the library reads from /proc, of the process that answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from relay.telemetry.catalogue import ALL, Figure, Kind
from relay.telemetry.counters import SUM, Key
from relay.telemetry.figures import Figures

CONTENT_TYPE = exposition.CONTENT_TYPE_PLAIN_0_0_4
_Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Page(Collector):
    """All figures as one page."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """The page."""
        self._figures.settle()
        return exposition.generate_latest(self._registry)

    def describe(self) -> Iterator[_Family]:
        """Nothing: the library would collect to find out what there is."""
        return iter(())

    def collect(self) -> Iterator[_Family]:
        """One family a figure."""
        tally = self._figures.tally
        for figure in ALL:
            match figure.kind:
                case Kind.COUNTER:
                    yield _plain(
                        CounterMetricFamily(figure.name, figure.help, labels=figure.labels), figure, tally.counts
                    )
                case Kind.GAUGE:
                    yield _plain(GaugeMetricFamily(figure.name, figure.help, labels=figure.labels), figure, tally.marks)
                case Kind.HISTOGRAM:
                    yield _histogram(figure, tally.counts)


def _plain(family: CounterMetricFamily | GaugeMetricFamily, figure: Figure, numbers: Mapping[Key, float]) -> _Family:
    told: dict[Key, float] = {(value,): 0.0 for value in figure.closed} if figure.labels else {(): 0.0}
    told.update(
        {labels: number for (name, *rest), number in numbers.items() if name == figure.name for labels in [tuple(rest)]}
    )
    for labels, number in sorted(told.items()):
        family.add_metric(labels, number)
    return family


def _histogram(figure: Figure, numbers: Mapping[Key, float]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(figure.name, figure.help, labels=figure.labels)
    seen = {key[1:-1] for key in numbers if key[0] == figure.name} or ({()} if not figure.labels else set())
    for labels in sorted(seen):
        at, buckets = 0.0, []
        for number, bound in enumerate([*map(str, figure.buckets), "+Inf"]):
            at += numbers.get((figure.name, *labels, str(number)), 0)
            buckets.append((bound, at))
        family.add_metric(labels, buckets, numbers.get((figure.name, *labels, SUM), 0))
    return family
