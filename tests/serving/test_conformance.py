"""The server answers as TensorFlow Serving would: every case of conformance.jsonl, over a socket.

The cases are what TensorFlow Serving's documentation and source say of its answers; none of these was copied from an
answer of this server. A case is a request, with the headers and the body that it sends, and the status, headers and
body of the answer: all of it as JSON or text, or its error, or a part of its error. Beside these headers every answer
has an id. The `source` of a case is, in the repository tensorflow/serving:

- docs: g3doc/api_rest.md
- handler: model_servers/http_rest_api_handler.cc and its test
- util: model_servers/http_rest_api_util.cc and its test
- tensor: util/json_tensor.cc and its test; what its parser says is RapidJSON's error/en.h
- status, metadata: model_servers/get_model_status_impl.cc, servables/tensorflow/get_model_metadata_impl.cc
- predict, classify, regress: servables/tensorflow/predict_util.cc, classifier.cc, regressor.cc
- core: model_servers/server_core.cc and core/, where a version is found
- http: model_servers/http_server.cc, and util/net_http for the path of a request

Where TensorFlow Serving has no words, or leaves them to others, the case says so ("own words"); `own` is what it does
not have at all. Both hold this server to what it said before.
"""

import json
from pathlib import Path
from typing import Any

import pytest

CASES = [json.loads(line) for line in (Path(__file__).parent / "conformance.jsonl").read_text().splitlines()]


def comparable(text: str) -> Any:
    """JSON with NaN and infinities in words, since NaN is not itself."""
    return json.loads(text, parse_constant=str)


def in_order(header: str | None) -> str | None:
    """A header whose words, such as the methods of Allow, may come in any order."""
    return header and ", ".join(sorted(header.split(", ")))


def test_there_are_enough_cases():
    assert len(CASES) >= 60
    assert {case["status"] for case in CASES} == {200, 400, 404, 405, 501}
    assert all(case["headers"]["Content-Type"] for case in CASES)
    assert all(case.keys() & {"answer", "error", "error_has", "text"} for case in CASES)
    assert not [case for case in CASES if case.get("error_has") == ""]
    assert len({json.dumps([case.get(part) for part in ("request", "send", "body")]) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join([case["source"], *case["request"]]))
def test_conformance(protocol, case: dict[str, Any]):
    connection = protocol.connect()
    body = case["body"].encode() if "body" in case else None
    connection.request(*case["request"], body, case.get("send", {}))
    reply = connection.getresponse()
    content = reply.read().decode()
    connection.close()
    assert reply.status == case["status"], content
    assert {name: in_order(reply.headers[name]) for name in case["headers"]} == case["headers"]
    assert reply.headers["X-Request-Id"]
    if "text" in case:
        assert content == case["text"]
        return
    if "answer" in case:
        assert comparable(content) == comparable(json.dumps(case["answer"]))
        return
    ((key, said),) = json.loads(content).items()
    assert key == "error"
    if "error" in case:
        assert said == case["error"]
    else:
        assert case["error_has"] in said


def test_metadata_is_that_of_the_documentation(protocol):
    """The form of saved_model_half_plus_two_2_versions_metadata.json, of the source's own test."""
    status, _, answer = protocol.ask("GET", "/v1/models/named/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "named", "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["signal"] == {
        "dtype": "DT_INT32",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "5", "name": ""}], "unknown_rank": False},
        "name": "serving_default_signal:0",
    }
    assert signature["outputs"].keys() == {"tag", "total", "trace"}
    by_label = protocol.ask("GET", "/v1/models/half_plus_two/labels/Version_Label/metadata")[2]
    assert by_label["model_spec"]["version"] == "123"


def test_decimals_are_the_shortest_that_lead_back(protocol):
    """Six digits, or as many as it takes (tensor: WriteDecimal), beside infinities as elsewhere."""
    connection = protocol.connect()
    for values in ("[0.2,0.1]", "[0.2,-Infinity]", "[NaN,16777216.0,1e-07]"):
        body = f'{{"signature_name": "float32", "inputs": {values}}}'
        connection.request("POST", "/v1/models/types:predict", body.encode())
        assert connection.getresponse().read().decode().replace(" ", "").strip() == f'{{"outputs":{values}}}'
    connection.close()


def test_a_connection_goes_on_after_errors(protocol):
    connection = protocol.connect()
    for path, status in (("/v1/models/x/metadata", 404), ("/v1/nothing", 400), ("/v1/models/named", 200)):
        connection.request("GET", path)
        reply = connection.getresponse()
        reply.read()
        assert reply.status == status
    connection.close()
