"""The benchmark of serving: its clients ask as they are told to, and its figures are what they say."""

import http.server
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks import load_clients, load_figures
from experiments.benchmarks.load_clients import Answer
from progan_tf.export import saved_model
from tests import runs


@pytest.fixture
def stub():
    """A server that takes 20 ms, and answers every tenth number with 503; and the numbers it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            number = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(number)
            time.sleep(0.02)
            self.send_response(503 if number % 10 == 9 else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()
    thread.join()


def body(number: int) -> bytes:
    return str(number).encode()


def test_clients_at_full_speed_ask_one_after_another(stub):
    port, asked = stub
    answers = load_clients.at_full_speed(port, "/", body, clients=4, seconds=0.5)
    assert len(answers) == len(asked) == len(set(asked))
    assert 20 <= len(answers) <= 104  # 4 clients, 25 times at most, and one that had begun
    assert all(answer.seconds >= 0.02 for answer in answers)
    assert load_figures.errors(answers) == sum(number % 10 == 9 for number in asked)


def test_paced_clients_keep_their_rate_and_count_from_when_a_request_was_due(stub):
    port, _ = stub
    answers = load_clients.paced(port, "/", body, clients=3, seconds=1.0, rate=30)
    assert 27 <= len(answers) <= 33
    due = np.sort([answer.due for answer in answers])
    assert np.diff(due).max() < 0.11
    held_up = load_clients.paced(port, "/", body, clients=1, seconds=0.5, rate=100)  # twice what one can do
    late = [answer.seconds for answer in held_up]
    assert late[-1] > 10 * 0.02 and late[-1] > late[len(late) // 2] > late[0]


def test_no_answer_is_an_error():
    answers = load_clients.paced(1, "/", body, clients=2, seconds=0.2, rate=20)
    assert load_figures.errors(answers) == len(answers) > 0


def test_growth_is_from_the_second_fifth_to_the_last():
    assert load_figures.growth([100] * 10) == 0
    assert load_figures.growth([0, 50, 100, 100, 101, 102, 103, 104, 110, 120]) == pytest.approx(15)
    assert load_figures.growth([7.0]) == 0


def test_quantiles_and_errors():
    answers = [Answer(0.0, seconds / 100, 200 if seconds else 504) for seconds in range(101)]
    assert load_figures.quantiles([answer.seconds for answer in answers]) == pytest.approx([0.5, 0.99])
    assert load_figures.errors(answers) == 1
    assert load_figures.rate(8, [1.0, 3.0]) == 4.0


def test_the_whole_of_it_runs_in_seconds(tmp_path):
    runs.write(tmp_path / "run", images=500, labels=2)
    saved_model.export(tmp_path / "run", tmp_path / "model")
    output = tmp_path / "serving.json"
    flags = [f"--model={tmp_path / 'model'}", "--seconds=1", "--clients=4", f"--output={output}"]
    command = [sys.executable, "-m", "experiments.benchmarks.serving", *flags]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    said = [line.split()[0] for line in done.stdout.splitlines()]
    assert [word for word in said if word != "others"] == ["bare", "full", "memory", "70%", "bare", "result"]
    figures = json.loads(output.read_text())
    assert (figures["errors"], figures["clients"]) == (0, 4)
    assert figures["requests"] > 10
    assert figures["bare_images_per_second"].keys() == {"1", "2", "4", "8", "16", "32", "64", "again"}
    assert min(figures["bare_images_per_second"].values()) > 0
    assert figures["share_of_bare"] > 0
    assert 0 < figures["p50_seconds_at_70_percent"] <= figures["p99_seconds_at_70_percent"] < 60
    assert all(100 < megabytes < 10_000 for megabytes in figures["memory_mb"])
