"""Readiness, limits, a token, and a quiet end: a server with small limits, from its start to its end."""

import concurrent.futures
import gzip
import json
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.serving import models, servers
from tests.serving.servers import Server

TOKEN = {"Authorization": "Bearer open-sesame"}
TIMEOUT = 2.5


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> Server:
    """With a token and small limits."""
    folder = tmp_path_factory.mktemp("strict")
    models.slow(folder / "slow" / "1")
    models.slow_to_start(folder / "late" / "1")
    models.types(folder / "types" / "1")
    (folder / "token").write_text("open-sesame\n")
    limits = {"max_body_mb": 0.01, "max_batch": 4, "max_queue": 3, "timeout": TIMEOUT, "token_file": folder / "token"}
    names = {name: folder / name for name in ("types", "slow", "late")}
    with servers.running(folder, names, ready=False, **limits) as server:
        yield server


def answers(server: Server, path: str) -> bool:
    try:
        return server.ask("GET", path)[0] == 200
    except OSError:
        return False


def test_it_is_alive_before_it_is_ready(strict):
    strict.wait_until(lambda: answers(strict, "/healthz"))
    status, _, answer = strict.ask("GET", "/readyz")
    assert (status, answer["ready"], answer["models"]["late"]) == (503, False, False)
    status, _, answer = strict.ask("GET", "/v1/models/late", headers=TOKEN)
    assert answer["model_version_status"][0]["state"] in ("START", "LOADING")
    status, _, answer = strict.ask("POST", "/v1/models/late:predict", {"inputs": [1]}, TOKEN)
    assert (status, answer["error"]) == (404, "Servable not found for request: Latest(late)")
    strict.wait_until(lambda: strict.ask("GET", "/readyz")[0] == 200)
    assert strict.ask("POST", "/v1/models/late:predict", {"inputs": [1]}, TOKEN)[0] == 200


def test_it_listens_on_this_machine_alone_unless_told(strict):
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {fields[1] for fields in listening if fields[3] == "0A"}
    assert f"0100007F:{strict.port:04X}" in addresses
    assert f"00000000:{strict.port:04X}" not in addresses


def test_a_body_too_large_is_413_and_the_connection_goes_on(strict):
    connection = strict.connect()
    for body in (b" " * 20_000, gzip.compress(b" " * 10**6)):
        headers = {"Content-Encoding": "gzip", **TOKEN} if body[:1] != b" " else TOKEN
        connection.request("POST", "/v1/models/types:predict", body, headers)
        reply = connection.getresponse()
        assert reply.status == 413 and "larger than 10,485 bytes" in json.loads(reply.read())["error"]
    chunks = iter([b" " * 9000] * 4)  # without a length
    connection.request("POST", "/v1/models/types:predict", chunks, TOKEN, encode_chunked=True)
    reply = connection.getresponse()
    assert reply.read() and reply.status == 413
    connection.request("POST", "/v1/models/types:predict", b'{"instances": [1]}', TOKEN)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_packed_body_is_unpacked(strict):
    headers = {"Content-Encoding": "gzip", **TOKEN}
    body = gzip.compress(b'{"instances": [1.5]}')
    assert strict.ask("POST", "/v1/models/types:predict", body, headers)[2] == {"predictions": [1.5]}
    status, _, answer = strict.ask("POST", "/v1/models/types:predict", body[:-9], headers)
    assert (status, answer["error"]) == (400, "the body is no gzip: it ends too early")


def test_too_many_rows_are_400(strict):
    status, _, answer = strict.ask("POST", "/v1/models/types:predict", {"instances": [1] * 5}, TOKEN)
    assert (status, answer["error"]) == (400, "Task size 5 is larger than maximum input batch size 4")


def steps_of(strict: Server, seconds: float) -> int:
    """How many steps of the slow model take so long on this machine."""
    started = time.perf_counter()
    assert strict.ask("POST", "/v1/models/slow:predict", {"instances": [1000]}, TOKEN)[0] == 200
    return int(1000 * seconds / (time.perf_counter() - started))


def test_a_full_queue_is_429_and_waiting_too_long_504(strict):
    steps = steps_of(strict, 0.8 * TIMEOUT)

    def ask(_):
        status, headers, answer = strict.ask("POST", "/v1/models/slow:predict", {"instances": [steps] * 4}, TOKEN)
        assert headers["Content-Type"] == "application/json" and headers["X-Request-Id"]
        return status, headers.get("Retry-After"), answer

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(ask, range(12)))
    statuses = [status for status, _, _ in replies]
    assert set(statuses) <= {200, 429, 504} and {429, 504} <= set(statuses)
    assert all(int(after) >= 1 for status, after, _ in replies if status == 429)
    assert all("no answer within 2.5 seconds" in answer["error"] for status, _, answer in replies if status == 504)
    strict.wait_until(lambda: strict.ask("POST", "/v1/models/types:predict", {"instances": [1]}, TOKEN)[0] == 200)
    assert strict.figure("progan_waiting_requests", TOKEN) == 0


def test_a_body_that_never_ends_is_408_and_a_silent_connection_closed(strict):
    head = b"POST /v1/models/types:predict HTTP/1.1\r\nHost: x\r\n"
    slow = head + b"Authorization: Bearer open-sesame\r\nContent-Length: 99\r\n\r\n{"
    connections = {sent: socket.create_connection(("127.0.0.1", strict.port)) for sent in (slow, head[:20], b"")}
    for sent, connection in connections.items():
        connection.sendall(sent)
        connection.settimeout(10)
    started = time.monotonic()
    replies = {sent: connection.makefile("rb").read() for sent, connection in connections.items()}
    assert time.monotonic() - started < 8
    assert replies[slow].startswith(b"HTTP/1.1 408") and b"not whole within 2.5 seconds" in replies[slow]
    assert replies[head[:20]] == replies[b""] == b""
    for connection in connections.values():
        connection.close()


def test_a_client_that_sends_no_more_gets_its_answer(strict):
    body = b'{"instances": [1]}'
    head = f"POST /v1/models/types:predict HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", strict.port), timeout=10) as connection:
        connection.sendall(
            head.encode() + b"Host: x\r\nAuthorization: Bearer open-sesame\r\nConnection: close\r\n\r\n" + body
        )
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read().endswith(b'{"predictions":[1.0]}\n')


def test_a_token_is_asked_for_where_anything_is_to_be_had(strict):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "open-sesame"}):
        for verb, path in (("GET", "/v1/models/types"), ("POST", "/v1/models/types:predict"), ("GET", "/metrics")):
            status, got, answer = strict.ask(verb, path, headers=headers)
            assert (status, got["WWW-Authenticate"]) == (401, "Bearer")
            assert got["Content-Type"] == "application/json" and got["X-Request-Id"] and "error" in answer
    assert strict.ask("GET", "/v1/models/types", headers=TOKEN)[0] == 200
    assert strict.ask("GET", "/healthz")[0] == strict.ask("GET", "/readyz")[0] == 200


def test_sigterm_lets_requests_finish_and_is_no_failure(strict):
    steps = steps_of(strict, 0.7)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        request = pool.submit(strict.ask, "POST", "/v1/models/slow:predict", {"instances": [steps]}, TOKEN)
        time.sleep(0.25)
        strict.process.send_signal(signal.SIGTERM)
        status, _, answer = request.result()
    assert (status, answer) == (200, {"predictions": [steps]})
    assert strict.process.wait(20) == 0
    with pytest.raises(OSError):
        strict.ask("GET", "/healthz")
