"""The body of a request, within limits of size and time; gzip is unpacked."""

import asyncio
import zlib

from starlette.types import Receive, Scope

from progan_tf.serving.limits import Limits
from progan_tf.serving.refusal import Code, Refusal, invalid


class Gone(Exception):
    """The client hung up before its request was whole."""


async def read(scope: Scope, receive: Receive, limits: Limits, deadline: float) -> bytes:
    """The whole body.

    Args:
        deadline: in the time of the event loop.

    Raises:
        Refusal: 413 it is too large, 408 it takes too long, 400 it cannot be unpacked.
        Gone: nobody waits for an answer.
    """
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > limits.body_bytes:
        raise _too_large(limits)
    chunks, size, more = [], 0, True
    try:
        async with asyncio.timeout_at(deadline):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size > limits.body_bytes:
                    raise _too_large(limits)
                chunks.append(chunk)
    except TimeoutError as error:
        raise Refusal(
            Code.DEADLINE_EXCEEDED,
            f"the request was not whole within {limits.seconds:g} seconds; send it faster, or less at once",
            status=408,
            headers={"Connection": "close"},
        ) from error
    body = b"".join(chunks)
    return _unpack(body, limits) if b"gzip" in headers.get(b"content-encoding", b"").lower() else body


def _unpack(body: bytes, limits: Limits) -> bytes:
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, limits.body_bytes + 1)
    except zlib.error as error:
        raise invalid(f"the body is no gzip: {error}") from error
    if len(unpacked) > limits.body_bytes:
        raise _too_large(limits)
    if not unpacker.eof:
        raise invalid("the body is no gzip: it ends too early")
    return unpacked


def _too_large(limits: Limits) -> Refusal:
    # The connection stays open: closed on a client that is still sending, it would look broken, and not like 413.
    return Refusal(
        Code.RESOURCE_EXHAUSTED,
        f"the body is larger than {limits.body_bytes:,} bytes; ask for less in one request, or raise --max_body_mb of "
        "the server",
        status=413,
    )
