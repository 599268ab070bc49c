"""Figures of a running server, in Prometheus's text format."""

import dataclasses

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclasses.dataclass(frozen=True)
class Monitoring:
    """Counters of one server. Labels are models that are served, methods and statuses: a handful of each."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    batch_rows: Histogram
    batch_seconds: Histogram
    waiting: Gauge
    ready: Gauge

    @classmethod
    def new(cls) -> "Monitoring":
        """Counters at zero, in a registry of their own."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, time on the processor, open files
        return cls(
            registry,
            Counter("progan_requests", "Requests answered.", ["model", "method", "status"], registry=registry),
            Histogram(
                "progan_request_seconds",
                "From a request's first byte to its answer.",
                ["model", "method"],
                buckets=_SECONDS,
                registry=registry,
            ),
            Histogram("progan_batch_rows", "Rows computed at once.", ["model"], buckets=_ROWS, registry=registry),
            Histogram(
                "progan_batch_seconds", "Time to compute a batch.", ["model"], buckets=_SECONDS, registry=registry
            ),
            Gauge("progan_waiting_requests", "Requests that wait for their turn.", registry=registry),
            Gauge("progan_ready", "1 where every model answers.", registry=registry),
        )

    def page(self) -> bytes:
        """All figures, as they are now."""
        return generate_latest(self.registry)
