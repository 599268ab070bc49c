"""The JSON object in a request's body, as TensorFlow Serving reads it with RapidJSON: NaN and Infinity are allowed."""

import json
import re
from typing import Any

import orjson

from progan_tf.serving.refusal import Refusal, invalid

_SHOWN = 512  # characters of a value in an error message
_EMPTY = "The document is empty."
_BAD_STRING = "Invalid encoding in string."
_TOO_BIG = "Number too big to be stored in double."
# What Python's parser says of a fault, and what RapidJSON says of the same; of any other it says "Invalid value."
_FAULTS = {
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Extra data": "The document root must not be followed by other values.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": _BAD_STRING,
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Invalid \\escape": "Invalid escape character in string.",
}


def parse(body: bytes) -> dict[str, Any]:
    """The object in `body`, UTF-8 with or without a byte order mark.

    Raises:
        Refusal: 400, it is no JSON, is nested too deep, or is no object.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "infinity" in error.msg:
            raise _parse_error(_TOO_BIG, error.doc[: error.pos]) from error
        document = _parse_slowly(body)  # NaN and Infinity, which orjson does not know, or a fault
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {show(document)} Is not object")
    return document


def show(value: Any) -> str:
    """A JSON value in a message: indented by four, cut off where it is long."""
    text = ""
    for chunk in json.JSONEncoder(indent=4, ensure_ascii=False).iterencode(value):
        text += chunk
        if len(text) > _SHOWN:
            return text[:_SHOWN] + "..."
    return text


def _parse_slowly(body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: {_BAD_STRING} at offset: {error.start}") from error
    if not text.strip():
        raise _parse_error(_EMPTY, text) if text else invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(text)
        if re.search(r"\\u[dD]", text):  # half a surrogate pair passes the parser, and nothing else
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        said = _missing_comma(text[: error.pos]) if "',' delimiter" in error.msg else _FAULTS.get(error.msg)
        raise _parse_error(said or "Invalid value.", text[: error.pos]) from error
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error
    except RecursionError as error:
        raise invalid("JSON Parse error: nested too deep") from error
    except ValueError as error:  # more digits than Python reads
        raise invalid(f"JSON Parse error: {_TOO_BIG}") from error
    return document


def _parse_error(said: str, before: str) -> Refusal:
    return invalid(f"JSON Parse error: {said} at offset: {len(before.encode())}")


def _missing_comma(before: str) -> str:
    """What is said where a comma is missing after `before`: it depends on what is open there."""
    opened = []
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', before):
        if token in "[{":
            opened.append(token)
        elif token in "]}":
            opened.pop()
    in_array = opened[-1] == "["
    return f"Missing a comma or {']' if in_array else '}'} after an {'array element' if in_array else 'object member'}."
