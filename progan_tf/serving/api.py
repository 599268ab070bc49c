"""TensorFlow Serving's REST API (http_rest_api_util.cc, http_rest_api_handler.cc): everything under /v1/."""

import asyncio
import dataclasses
import re
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from progan_tf.serving import bodies, documents, predict, provenance, replies
from progan_tf.serving.batching import Batcher
from progan_tf.serving.limits import Limits
from progan_tf.serving.refusal import Refusal, invalid
from progan_tf.serving.repository import Repository

PATHS = re.compile(r"/v1/.*", re.IGNORECASE | re.DOTALL)
_VERSION = r"(?:/versions/(?P<number>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_ASK = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?:/(?P<about>metadata))?", re.IGNORECASE)
_EXAMPLE_METHODS = {"classify": "classification", "regress": "regression"}


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """A version of a model, as a path names it."""

    name: str
    number: int | None
    label: str | None

    @classmethod
    def of(cls, found: re.Match) -> "_Wanted":
        digits, label = found["number"], found["label"]
        if digits and int(digits[:25]) >= 2**63:
            raise invalid(f"Failed to convert version: {digits[:100]} to numeric.")
        return cls(unquote(found["name"] or ""), int(digits) if digits else None, unquote(label) if label else None)


class Api:
    """An ASGI application for the paths of the contract; errors go out as {"error": message}."""

    def __init__(self, repository: Repository, batcher: Batcher, limits: Limits):
        self._repository, self._batcher, self._limits = repository, batcher, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body, status, headers = await self._answer(scope, receive), 200, {}
        except Refusal as refusal:
            body, status, headers = error_body(refusal.message), refusal.status, refusal.headers
        await Response(body + b"\n", status, headers, media_type="application/json")(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        path, method = target(scope), scope["method"]
        if method == "POST" and (found := _CALL.fullmatch(path)):
            wanted = _Wanted.of(found)
            if found["method"] == "predict":
                return await self._predict(wanted, scope, receive)
            if found["method"] in _EXAMPLE_METHODS:
                return await self._examples(wanted, found["method"], scope, receive)
        if method == "GET" and (found := _ASK.fullmatch(path)):
            wanted = _Wanted.of(found)
            if not wanted.name:
                raise invalid("Missing model name in request.")
            scope["facts"].update(model=wanted.name, method=found["about"] or "status")
            return self._metadata(wanted) if found["about"] == "metadata" else self._status(wanted)
        raise invalid(f"Malformed request: {method} {path}")

    async def _predict(self, wanted: _Wanted, scope: Scope, receive: Receive) -> bytes:
        deadline = asyncio.get_running_loop().time() + self._limits.seconds
        scope["facts"].update(model=wanted.name, method="predict")
        document = documents.parse(await bodies.read(scope, receive, self._limits, deadline))
        name = predict.signature_name(document)
        version = self._repository.find(wanted.name, wanted.number, wanted.label)
        signature = version.signature(name)
        request = predict.tensors(document, signature.dtypes)
        del document  # which takes many times the memory of the arrays, while the request waits
        signature.check(request.arrays)
        scope["facts"].update(version=version.number, signature=signature.name, rows=signature.rows(request.arrays))
        outputs = await self._batcher.run(signature, version.model, request.arrays, deadline)
        outputs = provenance.signed(outputs, request.arrays, version)
        return replies.predictions(outputs) if request.by_rows else replies.whole_outputs(outputs)

    async def _examples(self, wanted: _Wanted, method: str, scope: Scope, receive: Receive) -> bytes:
        """Classify and regress: no generator has signatures for them, which is what this says."""
        deadline = asyncio.get_running_loop().time() + self._limits.seconds
        scope["facts"].update(model=wanted.name, method=method)
        document = documents.parse(await bodies.read(scope, receive, self._limits, deadline))
        name = predict.signature_name(document) or "serving_default"
        examples = document.get("examples")
        if "examples" not in document:
            raise invalid(
                f"JSON Value: {documents.show(document)} When method is classify, key 'examples' is expected and was "
                "not found"
            )
        if type(examples) is not list:
            raise invalid(f"JSON Value: {documents.show(document)} Expecting 'examples' value to be an list/array")
        if not examples:
            raise invalid(f"JSON Value: {documents.show(document)} 'examples' value is an empty array")
        version = self._repository.find(wanted.name, wanted.number, wanted.label)
        if name not in version.metadata:
            raise invalid(f"No signature was found with the name: {name}")
        raise invalid(
            f"Expected {_EXAMPLE_METHODS[method]} signature method_name to be tensorflow/serving/{method}. Was: "
            f"{version.metadata[name]['method_name']}"
        )

    def _status(self, wanted: _Wanted) -> bytes:
        states = self._repository.states(wanted.name, wanted.number, wanted.label)
        return orjson.dumps(
            {
                "model_version_status": [
                    {
                        "version": str(number),
                        "state": state.name,
                        "status": {"error_code": "UNKNOWN" if state.error else "OK", "error_message": state.error},
                    }
                    for number, state in states.items()
                ]
            }
        )

    def _metadata(self, wanted: _Wanted) -> bytes:
        version = self._repository.find(wanted.name, wanted.number, wanted.label)
        return orjson.dumps(
            {
                "model_spec": {"name": version.model, "signature_name": "", "version": str(version.number)},
                "metadata": {"signature_def": {"signature_def": version.metadata}},
            }
        )


def target(scope: Scope) -> str:
    """What stands in the request line: the path as it was sent, with the query, which counts to it."""
    query = scope["query_string"]
    return (scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1")


def error_body(message: str) -> bytes:
    """An error as the contract has it; what is no text, such as half a surrogate pair, is escaped."""
    text: Any = message.encode(errors="backslashreplace").decode()
    return orjson.dumps({"error": text})
