"""What a server does besides the protocol: images of seeds, batches, reload, figures, logs."""

import base64
import concurrent.futures
import io
import json
import re
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.serving import models, servers
from tests.serving.servers import Server


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory) -> Server:
    """With no limits but the usual ones."""
    folder = tmp_path_factory.mktemp("server")
    models.half_plus(folder / "half" / "1", 1)
    models.types(folder / "types" / "1")
    models.window(folder / "window" / "1")
    with servers.running(
        folder,
        {
            "fields": exported,
            "half": folder / "half",
            "types": folder / "types" / "1",  # a version itself
            "window": folder / "window",
        },
    ) as server:
        server.folder = folder
        yield server


def pngs(answer: list[dict[str, str]]) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(one["b64"]))) for one in answer]


def seeds(numbers: list[int], truncation: float = 1.0, label: int = 0) -> list[dict]:
    return [{"seed": number, "truncation": truncation, "labels": label} for number in numbers]


def test_an_image_of_a_seed_is_that_of_the_model_whoever_asks_besides(server, exported):
    model = tf.saved_model.load(str(exported / "1"))
    numbers = tf.constant([5, 6, 7], tf.int64)
    wanted = model.signatures["from_seed"](seed=numbers, truncation=tf.fill([3], 0.7), labels=tf.fill([3], 2))[
        "images"
    ].numpy()

    def ask(number):
        instances = seeds([number], 0.7, 2)
        answer = server.predict("fields", signature_name="png_from_seed", instances=instances)
        return pngs(answer["predictions"])[0]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        images = list(pool.map(ask, [5, 6, 7] * 8))
    for number, image in enumerate(images):
        np.testing.assert_array_equal(np.asarray(image), wanted[number % 3])
    pixels = server.predict("fields", signature_name="from_seed", instances=seeds([5, 6, 7], 0.7, 2))
    np.testing.assert_array_equal(np.array(pixels["predictions"]), wanted)


def test_every_png_says_what_it_is(server):
    document = {"signature_name": "png_from_seed", "instances": seeds([3, -4], 0.5, 1)}
    three, four = pngs(server.predict("fields", **document)["predictions"])
    assert three.text["SYNTHETIC"].startswith("SYNTHETIC: every image of this model is made up")
    assert (three.text["Model"], three.text["Version"]) == ("fields", "1")
    assert (three.text["Seed"], four.text["Seed"]) == ("3", "-4")
    assert (three.text["Truncation"], three.text["Labels"]) == ("0.5", "1")


def test_a_window_is_extended_and_what_is_known_stays(server):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, [2, 8, 8, 3], np.uint8)
    known = np.zeros([2, 8, 8], np.uint8)
    known[:, :, :4] = 1
    inputs = {"image": image.tolist(), "known": known.tolist(), "seed": [1, 2]}
    pixels = np.array(server.predict("window", signature_name="extend", inputs=inputs)["outputs"], np.uint8)
    np.testing.assert_array_equal(pixels[:, :, :4], image[:, :, :4])
    assert (pixels[:, :, 4:] != image[:, :, 4:]).any()
    shown = pngs(server.predict("window", signature_name="png_extend", inputs=inputs)["outputs"])
    np.testing.assert_array_equal(np.stack([np.asarray(png) for png in shown]), pixels)
    assert shown[1].text["Seed"] == "2"


def test_a_wrong_class_spoils_nobody_elses_image(server):
    def ask(label):
        return server.ask(
            "POST",
            "/v1/models/fields:predict",
            {"signature_name": "png_from_seed", "instances": seeds([1], label=label)},
        )

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(ask, [0, 1, 7, 2] * 6))
    assert [status for status, _, _ in replies] == [200, 200, 400, 200] * 6
    assert "labels must be below 3" in replies[2][2]["error"]
    assert len({json.dumps(reply[2]) for reply in replies[::4]}) == 1


def test_requests_share_batches_and_each_gets_its_own_rows(server):
    before, batches = (server.figure(f"progan_batch_rows_{what}") for what in ("sum", "count"))

    def ask(number):
        return server.predict("types", instances=[float(number), -float(number)])["predictions"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(ask, range(160)))
    assert got == [[float(number), -float(number)] for number in range(160)]
    rows = server.figure("progan_batch_rows_sum") - before
    assert rows == 320
    assert rows / (server.figure("progan_batch_rows_count") - batches) > 2.5  # of one request: 2


def test_a_lone_request_waits_for_others_for_milliseconds_only(server):
    connection, times = server.connect(), []
    for _ in range(20):
        started = time.perf_counter()
        connection.request("POST", "/v1/models/types:predict", b'{"instances": [1]}')
        connection.getresponse().read()
        times.append(time.perf_counter() - started)
    connection.close()
    assert 0.004 < np.median(times) < 0.1


def test_inputs_of_different_lengths_and_none_at_all(server):
    pair = server.predict("types", signature_name="pair", inputs={"a": [1], "b": [2, 3]})
    assert pair == {"outputs": [1, 2, 3]}
    empty = {"seed": [], "truncation": [], "labels": []}
    assert server.predict("fields", signature_name="from_seed", inputs=empty) == {"outputs": []}


def test_a_new_version_takes_over_without_a_dropped_request(server):
    half, stop = server.folder / "half", time.monotonic() + 30
    models.half_plus(server.folder / "new", 2)
    seen = []

    def ask_on_and_on(_):
        connection = server.connect()
        while time.monotonic() < stop and (not seen or seen[-1] != [2.0]):
            connection.request("POST", "/v1/models/half:predict", b'{"instances": [0]}')
            reply = connection.getresponse()
            content = json.loads(reply.read())
            assert reply.status == 200, content
            seen.append(content["predictions"])
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        clients = pool.map(ask_on_and_on, range(4))
        time.sleep(0.3)
        (server.folder / "new").rename(half / "2")
        list(clients)
    assert [1.0] in seen and seen[-1] == [2.0]
    server.wait_until(lambda: states(server) == {"2": "AVAILABLE", "1": "END"})
    assert server.ask("POST", "/v1/models/half/versions/1:predict", {"instances": [0]})[0] == 404


def test_a_labelled_version_stays_and_labels_move(server):
    labels = server.folder / "half" / "labels.json"
    labels.write_text('{"stable": 1, "new": 2}')
    server.wait_until(lambda: states(server) == {"2": "AVAILABLE", "1": "AVAILABLE"})
    server.wait_until(lambda: by_label(server, "stable") == [1.0])
    assert by_label(server, "new") == [2.0]
    assert server.predict("half", instances=[0])["predictions"] == [2.0]
    labels.write_text('{"stable": ')  # somebody is writing
    time.sleep(1.5)
    assert by_label(server, "stable") == [1.0]
    labels.write_text('{"stable": 2}')
    server.wait_until(lambda: by_label(server, "stable") == [2.0])


def test_a_broken_version_takes_nothing_away_until_it_is_mended(server):
    half = server.folder / "half"
    (half / "5").mkdir()
    (half / "5" / "saved_model.pb").write_bytes(b"\x0a\x05never")
    server.wait_until(lambda: states(server).get("5") == "END")
    broken = server.ask("GET", "/v1/models/half/versions/5")[2]["model_version_status"][0]["status"]
    assert broken["error_code"] != "OK" and "cannot be loaded" in broken["error_message"]
    assert server.predict("half", instances=[0])["predictions"] == [2.0]
    models.half_plus(half / "mended", 5)
    shutil.copytree(half / "mended", half / "5", dirs_exist_ok=True)
    server.wait_until(lambda: server.predict("half", instances=[0])["predictions"] == [5.0])
    shutil.rmtree(half / "5")  # and back to the one before
    server.wait_until(lambda: server.predict("half", instances=[0])["predictions"] == [2.0])


def states(server: Server) -> dict[str, str]:
    told = server.ask("GET", "/v1/models/half")[2]["model_version_status"]
    return {one["version"]: one["state"] for one in told}


def by_label(server: Server, label: str) -> list[float] | None:
    answer = server.ask("POST", f"/v1/models/half/labels/{label}:predict", {"instances": [0]})[2]
    return answer.get("predictions")


def test_requests_have_ids_and_lines_in_the_log(server):
    given = {"X-Request-Id": "mine-1"}
    document = {"signature_name": "png_from_seed", "instances": seeds([1, 2])}
    _, headers, _ = server.ask("POST", "/v1/models/fields:predict", document, given)
    assert headers["X-Request-Id"] == "mine-1"
    made = [server.ask("GET", "/nowhere", headers={"X-Request-Id": "not\tsane"})[1]["X-Request-Id"] for _ in "ab"]
    assert made[0] != made[1] and all(re.fullmatch("[0-9a-f]{32}", one) for one in made)
    lines = {line.get("request_id"): line for line in server.log}
    line = lines["mine-1"]
    assert (line["verb"], line["path"], line["status"]) == ("POST", "/v1/models/fields:predict", 200)
    assert (line["model"], line["version"], line["signature"], line["rows"]) == ("fields", 1, "png_from_seed", 2)
    assert line["ms"] > 0 and line["bytes"] > 100 and line["client"] == "127.0.0.1"
    assert lines[made[0]]["status"] == 404
    assert "model fields version 1: AVAILABLE" in [line.get("event") for line in server.log]


def test_figures_count_what_was_answered_and_know_no_made_up_names(server):
    page = server.ask("GET", "/metrics")[2].decode()
    before = server.figure("progan_requests_total")
    server.ask("POST", "/v1/models/made_up:predict", {"instances": [1]})
    assert server.figure("progan_requests_total") == before + 2
    page = server.ask("GET", "/monitoring/prometheus/metrics")[2].decode()
    assert "made_up" not in page
    assert re.search(r'progan_requests_total{method="predict",model="fields",status="200"} [1-9]', page)
    assert server.figure("process_resident_memory_bytes") > 10**8
    assert server.figure("progan_ready") == 1


def test_what_is_served_is_told_to_pages(server):
    served = {one["name"]: one for one in server.ask("GET", "/models")[2]["models"]}
    assert served.keys() == {"fields", "half", "types", "window"}
    assert served["fields"]["description"]["labels"] == ["class 0", "class 1", "class 2"]
    assert served["fields"]["signatures"] == ["from_seed", "png_from_seed", "serving_default"]
    assert served["window"]["description"] == {}
