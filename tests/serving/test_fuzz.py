"""Malformed requests of every kind: never a 500, never a hang, and the next good request is answered.

Request number n is a pure function of n, so that one that breaks something can be sent again.
"""

import copy
import dataclasses
import gzip
import http.client
import json
import random
import socket
import time
from typing import Any

import numpy as np
import pytest

from tests.serving.servers import SECONDS, Server

GOOD = {
    "types": [
        {"instances": [1.0, 2.0]},
        {"signature_name": "bytes", "inputs": [{"b64": "aGVsbG8="}]},
        {"signature_name": "two", "instances": ["foo", {"b64": "d29ybGQ="}]},
        {"signature_name": "pair", "inputs": {"a": [1.5], "b": [2, 3]}},
        *({"signature_name": kind, "instances": [[1, 0], [0, 1]]} for kind in ("int8", "uint16", "int64", "float64")),
    ],
    "named": [{"instances": [{"tag": "a", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]}] * 2}],
    "window": [
        {
            "signature_name": name,
            "inputs": {
                "image": np.arange(192).reshape(1, 8, 8, 3).tolist(),
                "known": np.eye(8, dtype=int)[np.newaxis].tolist(),
                "seed": [7],
            },
        }
        for name in ("extend", "png_extend")
    ],
}
VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**31,
    2**63,
    2**64,
    -(2**70),
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\x00",
    "\U0001f600",
    "9" * 1000,
    [],
    {},
    [[]],
    [[], [1]],
    [1, [2]],
    [None],
    {"b64": ""},
    {"b64": "###"},
    {"b64": None},
    {"b64": "aGVsbG8=", "x": 1},
    [0] * 100,
    [[0] * 7] * 7,
)
TOKENS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"null",
    b"1e999",
    b"-",
    b"\\u",
    b"\\ud800",
    b"\xff",
    b"\x00",
    b"[" * 50,
    b"{",
    b"]",
    b'"',
    b",",
    b"0x1",
)
METHODS = ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "BREW", "get", "POST")
PATHS = (
    "/",
    "/v1",
    "/v1/",
    "/v1/models",
    "/v1/models/",
    "/v1/models/types",
    "/v1/models/types/",
    "/v1/models/types/metadata",
    "/v1/models/types/versions/1",
    "/v1/models/types/versions/99999999999999999999",
    "/v1/models/types/versions/-1:predict",
    "/v1/models/types/labels/x:predict",
    "/v1/models/types:explain",
    "/v1/models/%74ypes:predict",
    "/v1/models/%ff%00%:predict",
    "/v1/models/types:predict:predict",
    "/v1/models//:predict",
    "/V1/MODELS/types:predict",
    "/v1/../models",
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/v1/models/" + "a" * 5000,
    "*",
    "//",
    "/?",
    "/v1/models/types?" + "b=" * 500,
    "/metrics/x",
)
HEADS = (
    "Content-Length: -1",
    "Content-Length: 1e3",
    "Content-Length: 99999999999999999999",
    "Content-Length: 3\r\nContent-Length: 4",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: gzip",
    "Content-Encoding: gzip",
    "Content-Encoding: br",
    "Expect: 100-continue",
    "Expect: 200-ok",
    "Connection: Upgrade\r\nUpgrade: websocket",
    "X-Request-Id: \x01",
    "X: " + "y" * 70_000,
    "Bad Header",
    ": empty",
    "Authorization: Bearer",
    "Host: a\r\nHost: b",
    "Range: bytes=0-1",
    "Upgrade: h2c",
    "\tfolded",
)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """Bytes to send, with pauses between them; `whole` requests must be answered, others may be hung up on."""

    kind: str
    pieces: tuple[bytes, ...]
    whole: bool = True
    pause: float = 0.0


def attempt(number: int) -> Attempt:
    """The malformed request of a number."""
    rng = random.Random(number)
    kind = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
    return KINDS[kind][1](rng, kind)


def _request(path: str, body: bytes, verb: str = "POST", head: str = "") -> bytes:
    lines = f"{verb} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{head}\r\n"
    return lines.encode("latin-1") + body


def _good(rng: random.Random) -> tuple[str, Any]:
    name = rng.choice(list(GOOD))
    return f"/v1/models/{name}:predict", rng.choice(GOOD[name])


def _text(rng: random.Random, kind: str) -> Attempt:
    """Bytes of a good body are changed, lost, doubled, or of no JSON at all."""
    path, document = _good(rng)
    body = bytearray(json.dumps(document).encode())
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place, what = rng.randrange(len(body) + 1), rng.randrange(5)
        if what == 0:
            body[place : place + 1] = bytes([rng.randrange(256)])
        elif what == 1:
            del body[place : place + rng.choice((1, 3, 50))]
        elif what == 2:
            body[place:place] = rng.choice(TOKENS)
        elif what == 3:
            body[place:place] = body[place : place + 30]
        else:
            del body[place:]
    return Attempt(kind, (_request(path, bytes(body)),))


def _structure(rng: random.Random, kind: str) -> Attempt:
    """Somewhere within a good document stands another value, or a key has another name."""
    path, document = _good(rng)
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 2))):
        inner = document
        while isinstance(inner, dict | list) and inner:
            key = rng.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
            if rng.random() < 0.4 or not isinstance(inner[key], dict | list):
                inner[key] = copy.deepcopy(rng.choice(VALUES))
                break
            if isinstance(inner, dict) and rng.random() < 0.2:
                inner[rng.choice(("", "x", "b64", "signature_name", "inputs"))] = inner.pop(key)
                break
            inner = inner[key]
    return Attempt(kind, (_request(path, json.dumps(document).encode()),))


def _size(rng: random.Random, kind: str) -> Attempt:
    """Rows and bytes beyond limits, nests without end."""
    count = rng.choice((0, 65, 1000, 20_000))
    depth = rng.choice((33, 200, 1000, 5000, 50_000))
    body = rng.choice(
        (
            json.dumps({"instances": [1] * count}),
            json.dumps({"signature_name": "string", "inputs": "x" * count}),
            json.dumps({"signature_name": "string", "instances": [{"b64": "A" * count}] * 3}),
            '{"instances": ' + "[" * depth + "1" + "]" * depth + "}",
            '{"instances": ' + '{"a":' * depth + "1" + "}" * depth + "}",
            "[" * depth,
            '{"inputs": ' + "9" * depth + "}",
            '{"inputs": [' + "[],[]," * count + "1]}",
            '{"inputs": NaN, "x": ' + "[" * depth + "}",
            " " * (2**20 + 1),
        )
    )
    return Attempt(kind, (_request("/v1/models/types:predict", body.encode()),))


def _path(rng: random.Random, kind: str) -> Attempt:
    """Wrong verbs and paths."""
    body = json.dumps(_good(rng)[1]).encode() if rng.random() < 0.5 else b""
    return Attempt(kind, (_request(rng.choice(PATHS), body, rng.choice(METHODS)),))


def _head(rng: random.Random, kind: str) -> Attempt:
    """Headers that mean nothing, or that cannot be."""
    path, document = _good(rng)
    body = json.dumps(document).encode()
    lines = f"POST {path} HTTP/1.1\r\nHost: x\r\n{rng.choice(HEADS)}\r\n\r\n"
    return Attempt(kind, (lines.encode("latin-1"), body), whole=False)


def _noise(rng: random.Random, kind: str) -> Attempt:
    """What is no HTTP."""
    start = rng.choice(
        (b"", b"GET / HTTP/9.9\r\n", b"POST /v1/models/types:predict\r\n", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n\r\n")
    )
    return Attempt(kind, (start + rng.randbytes(rng.choice((0, 1, 30, 3000))) + b"\r\n\r\n",), whole=False)


def _packed(rng: random.Random, kind: str) -> Attempt:
    """Damaged gzip, and gzip that would become too much."""
    body = bytearray(gzip.compress(rng.choice((b'{"instances": [1]}', b" " * 10**7)), mtime=0))
    for _ in range(rng.choice((0, 1, 3))):
        body[rng.randrange(len(body))] = rng.randrange(256)
    body = body[: rng.choice((len(body), len(body) // 2))]
    return Attempt(kind, (_request("/v1/models/types:predict", bytes(body), head="Content-Encoding: gzip\r\n"),))


def _chunks(rng: random.Random, kind: str) -> Attempt:
    """Chunks that are not as long as they say."""
    size = rng.choice((b"5", b"-5", b"zz", b"FFFFFFFFFFFFFFFFF", b"0", b"5;x=y", b""))
    head = b"POST /v1/models/types:predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return Attempt(kind, (head, size + b"\r\nhello\r\n0\r\n\r\n"), whole=False)


def _slow(rng: random.Random, kind: str) -> Attempt:
    """A good request, byte after byte, and perhaps never all of it."""
    raw = _request("/v1/models/types:predict", b'{"instances": [1]}')
    end = rng.choice((10, 60, len(raw) - 5, len(raw)))
    step = rng.choice((7, 20))
    pieces = tuple(raw[place : min(place + step, end)] for place in range(0, end, step))
    return Attempt(kind, pieces, whole=end == len(raw), pause=0.01)


KINDS = {
    "text": (30, _text),
    "structure": (30, _structure),
    "size": (8, _size),
    "path": (12, _path),
    "head": (7, _head),
    "noise": (4, _noise),
    "packed": (4, _packed),
    "chunks": (4, _chunks),
    "slow": (1, _slow),
}


def send(server: Server, one: Attempt) -> int | None:
    """The status of the answer; None where the connection was closed without one, or the attempt hung up itself."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=4 * SECONDS) as connection:
        try:
            for piece in one.pieces:
                connection.sendall(piece)
                time.sleep(one.pause)
            if not one.whole:
                connection.shutdown(socket.SHUT_WR)
            reply = http.client.HTTPResponse(connection, method="HEAD" if b"HEAD " in one.pieces[0][:5] else "GET")
            reply.begin()
            reply.read()
            return reply.status
        except TimeoutError:
            pytest.fail(f"no answer to {one.kind}: {one.pieces[0][:300]}")
        except (
            OSError,
            http.client.BadStatusLine,
        ):  # the server has closed the connection, perhaps before all was sent
            return None


def is_well(server: Server) -> bool:
    started = time.monotonic()
    answer = server.predict("types", instances=[2.0])
    return answer == {"predictions": [2.0]} and time.monotonic() - started < SECONDS


def survive(server: Server, numbers: range) -> dict[str, int]:
    """Sends requests and checks that the server comes through; how often there was which answer."""
    counts: dict[str, int] = {}
    for number in numbers:
        one = attempt(number)
        status = send(server, one)
        assert status is not None or not one.whole, f"request {number} ({one.kind}) was hung up on"
        assert status is None or status < 500 or status == 501, f"request {number} ({one.kind}) got {status}"
        assert is_well(server), f"no good answer after request {number} ({one.kind})"
        counts[f"{one.kind} {status}"] = counts.get(f"{one.kind} {status}", 0) + 1
    assert not [line for line in server.log if line.get("status") == 500 or line.get("level") == "error"]
    return counts


def test_malformed_requests_are_survived(protocol):
    counts = survive(protocol, range(400))
    assert {kind.split()[0] for kind in counts} == set(KINDS)
    assert sum(count for kind, count in counts.items() if kind.endswith(" 400")) > 150


@pytest.mark.slow
def test_five_thousand_malformed_requests_are_survived(protocol):
    memory = protocol.figure("process_resident_memory_bytes")
    counts = survive(protocol, range(1000, 6000))
    assert sum(counts.values()) == 5000
    print(dict(sorted(counts.items())))  # which is what the run was for
    assert protocol.figure("process_resident_memory_bytes") < memory + 300e6


def test_a_number_is_one_request():
    assert [attempt(number) for number in range(50)] == [attempt(number) for number in range(50)]
