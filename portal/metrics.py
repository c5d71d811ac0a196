"""Numbers of the installation in the text format that Prometheus reads. No labels that name a tenant or a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric. ``values``: by the value of ``label``, or the one number under ""; ``counts``: it only ever grows."""

    name: str
    says: str
    values: Mapping[str, float]
    label: str = ""
    counts: bool = field(default=False)


class _Collector(Collector):
    def __init__(self, figures: Iterable[Figure]) -> None:
        self.figures = tuple(figures)

    def collect(self) -> Iterable[Metric]:
        for one in self.figures:
            labels = [one.label] if one.label else []
            family = (CounterMetricFamily if one.counts else GaugeMetricFamily)(
                one.name, one.says, labels=labels
            )
            for value, number in sorted(one.values.items()):
                family.add_metric([value] if one.label else [], number)
            yield family


def exposition(figures: Iterable[Figure]) -> bytes:
    """The figures as one answer."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures))
    return generate_latest(registry)
