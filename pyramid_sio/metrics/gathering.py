"""The numbers of several processes on one page, each with the label ``worker``.

Upstream: ``plugin.metrics``, once the others have been asked. Downstream: ``prometheus_client``.

Not their sum: a counter begins anew with the process that takes another's place, and that is only
understood of a series for each.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from pyramid_sio.errors import ProtocolError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

LABEL = "worker"
#: What a label of that name of the application's own is called then, as Prometheus does.
OTHER_LABEL = f"exported_{LABEL}"


def dump(metrics: Iterable[Metric]) -> bytes:
    """Metrics, for another process."""
    told = [
        (
            metric.name,
            metric.documentation,
            metric.type,
            metric.unit,
            [(sample.name, sample.labels, sample.value) for sample in metric.samples],
        )
        for metric in metrics
    ]
    return json.dumps(told).encode()


def load(data: bytes) -> list[Metric]:
    """The same, of another process. :raises ProtocolError: it is not that"""
    try:
        metrics = []
        for name, documentation, kind, unit, samples in json.loads(data):
            metric = Metric(name, documentation, kind, unit)
            for sample in samples:
                metric.add_sample(*sample)
            metrics.append(metric)
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"no metrics: {error}") from None
    return metrics


class Gathered:
    """Stands for a ``CollectorRegistry`` where a page is made.

    :param registry: of this process
    :param number: of this process, from 1
    :param others: what each of the others has dumped; None: it did not answer
    """

    def __init__(
        self, registry: CollectorRegistry, number: int, others: Mapping[int, bytes | None]
    ) -> None:
        self._registry = registry
        self._number = number
        self._others = others

    def collect(self) -> Iterator[Metric]:
        """All of them; those of one name together."""
        found = {self._number: list(self._registry.collect())}
        up = GaugeMetricFamily("sio_worker_up", "1 if the worker has answered.", labels=(LABEL,))
        for number, data in self._others.items():
            if data is not None:
                with contextlib.suppress(ProtocolError):
                    found[number] = load(data)
        for number in sorted({self._number, *self._others}):
            up.add_metric((str(number),), number in found)
        yield up
        merged: dict[str, Metric] = {}
        for number in sorted(found):
            for metric in found[number]:
                into = merged.setdefault(
                    metric.name,
                    Metric(metric.name, metric.documentation, metric.type, metric.unit),
                )
                for sample in metric.samples:
                    into.add_sample(sample.name, _labelled(sample.labels, number), sample.value)
        yield from merged.values()


def _labelled(labels: Mapping[str, str], number: int) -> dict[str, str]:
    own = {OTHER_LABEL if name == LABEL else name: value for name, value in labels.items()}
    return {LABEL: str(number), **own}
