"""What one server takes on at a time."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of a server; what goes beyond one is refused, with a status of its own.

    body_bytes: of one request's body, unpacked (413).
    rows: of one request, and of one batch that requests are gathered into (400).
    queue: requests that wait for their turn at the model (429).
    seconds: from a request's first byte to its answer (504), of its body's arrival (408), and of a silent connection.
    gather_seconds: the longest that a request waits for others to make a batch with.
    poll_seconds: between two looks for new versions.
    """

    body_bytes: int = 16 * 2**20
    rows: int = 64
    queue: int = 256
    seconds: float = 60.0
    gather_seconds: float = 0.005
    poll_seconds: float = 1.0
