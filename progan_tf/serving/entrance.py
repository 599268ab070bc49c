"""What every request passes through: it gets an id, may have to show a token, is counted and logged."""

import datetime
import hmac
import logging
import re
import time
import traceback
import uuid
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from progan_tf.serving.api import error_body, target
from progan_tf.serving.bodies import Gone
from progan_tf.serving.monitoring import Monitoring

ACCESS = "progan_tf.serving.access"  # the logger: one JSON object a request
_SANE_ID = re.compile(rb"[A-Za-z0-9_.:+/=-]{1,128}")


class Entrance:
    """An ASGI application around another.

    Args:
        models: names that figures are kept for; any other name would be one more that somebody made up.
        token: what a client must send as `Authorization: Bearer TOKEN`, None where nothing is asked for.
        open_paths: where no token is needed.
    """

    def __init__(
        self,
        inner: ASGIApp,
        monitoring: Monitoring,
        models: frozenset[str],
        token: str | None = None,
        open_paths: frozenset[str] = frozenset(),
    ):
        self._inner, self._monitoring, self._models = inner, monitoring, models
        self._token, self._open_paths = token, open_paths
        self._log = logging.getLogger(ACCESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope["facts"] = facts = {}
        sent = {"status": 499, "bytes": 0}  # nothing, if the client goes

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id)]
            elif message["type"] == "http.response.body":
                sent["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            if self._admits(scope):
                await self._inner(scope, receive, sending)
            else:
                await _unauthorized(scope, receive, sending)
        except Gone:
            pass
        except Exception as error:
            facts["error"] = "".join(traceback.format_exception(error))
            if sent["status"] != 499:  # the answer has begun; let the connection break
                raise
            reply = Response(
                error_body("internal error, see the log of the server"), 500, media_type="application/json"
            )
            await reply(scope, receive, sending)
        finally:
            self._note(scope, sent, facts, request_id, time.perf_counter() - started)

    def _admits(self, scope: Scope) -> bool:
        if self._token is None or scope["path"] in self._open_paths:
            return True
        shown = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(shown, f"Bearer {self._token}".encode())

    def _note(
        self, scope: Scope, sent: dict[str, int], facts: dict[str, Any], request_id: bytes, seconds: float
    ) -> None:
        model = facts.get("model") if facts.get("model") in self._models else ""
        method = facts.get("method", "")
        self._monitoring.requests.labels(model, method, str(sent["status"])).inc()
        self._monitoring.seconds.labels(model, method).observe(seconds)
        entry = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "request_id": request_id.decode(),
            "client": scope["client"][0] if scope.get("client") else None,
            "verb": scope["method"],
            "path": target(scope)[:500],
            "status": sent["status"],
            "bytes": sent["bytes"],
            "ms": round(1000 * seconds, 2),
            **{name: value for name, value in facts.items() if value is not None},
        }
        self._log.info(orjson.dumps(entry).decode())


def _request_id(scope: Scope) -> bytes:
    """The client's own id where it has a sane one, else a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex.encode()


async def _unauthorized(scope: Scope, receive: Receive, send: Send) -> None:
    body = error_body("a token is needed: send the header Authorization: Bearer TOKEN")
    reply = Response(body, 401, {"WWW-Authenticate": "Bearer"}, media_type="application/json")
    await reply(scope, receive, send)
