"""Serves exported models over HTTP, with TensorFlow Serving's REST API and a page at /.

  python -m experiments.serve --model=model
  python -m experiments.serve --model=fields=runs/fields/model --model=towns=runs/towns/model --port=8501
  curl localhost:8501/v1/models/fields:predict -d '{"signature_name": "png_from_seed",
    "instances": [{"seed": 7, "truncation": 0.7}]}'

A model folder's highest version is served, and a new one takes over as soon as it is exported, without a pause. What
happens is told on stderr, a JSON object a line: every request, and every version that comes or goes. SIGTERM ends the
server when all requests have their answer.
"""

import datetime
import json
import logging
import sys
from pathlib import Path

from absl import flags

from data_prep import command_line, quietly
from progan_tf.errors import InputError
from progan_tf.export import versions

_MODEL = flags.DEFINE_multi_string(
    "model",
    None,
    "NAME=FOLDER or FOLDER, whose name it then has; a model folder, or one of its versions. May be given many times.",
    required=True,
)
_HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 is all of this machine's.")
_PORT = flags.DEFINE_integer("port", 8501, "Port to listen on; 0 is any free one.", lower_bound=0, upper_bound=65535)
_TOKEN_FILE = flags.DEFINE_string(
    "token_file", None, "File with a token that clients must send as Authorization: Bearer TOKEN; left out: none."
)
_MAX_BODY_MB = flags.DEFINE_float(
    "max_body_mb", 16.0, "Largest body of a request, in MB of 2^20 bytes.", lower_bound=0.001
)
_MAX_BATCH = flags.DEFINE_integer(
    "max_batch", 64, "Most images a request may ask for, and most that are computed at once.", lower_bound=1
)
_MAX_QUEUE = flags.DEFINE_integer("max_queue", 256, "Most requests that may wait for their turn.", lower_bound=1)
_TIMEOUT = flags.DEFINE_float("timeout", 60.0, "Seconds a request may take, waiting included.", lower_bound=0.1)


def main() -> None:
    models = _models()
    token = _token()
    try:
        import orjson  # noqa: F401
        import prometheus_client  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise InputError(f"experiments.serve needs {error.name}; pip install 'progan-tf[serve]'") from error
    from progan_tf.serving import connections
    from progan_tf.serving.limits import Limits

    listening = connections.listen(_HOST.value, _PORT.value)
    quietly.import_tensorflow()
    from progan_tf.serving import server

    limits = Limits(
        body_bytes=int(_MAX_BODY_MB.value * 2**20),
        rows=_MAX_BATCH.value,
        queue=_MAX_QUEUE.value,
        seconds=_TIMEOUT.value,
    )
    port = listening.getsockname()[1]
    host = f"[{_HOST.value}]" if ":" in _HOST.value else _HOST.value
    _log_to_stderr()
    print(f"loading  {', '.join(models)} on http://{host}:{port}/", flush=True)
    server.serve(models, listening, limits, token, lambda: print("serving  all of them", flush=True))


def _models() -> dict[str, Path]:
    """Folders by name."""
    models = {}
    for given in _MODEL.value:
        name, equals, folder = given.partition("=")
        if Path(given).is_dir():
            name, equals, folder = "", "", given
        path = Path(folder if equals else given)
        newest = versions.find(path)
        if not equals:
            name = (path.resolve().parent if newest == path else path.resolve()).name
        if not name:
            raise InputError(f"--model={given} has no name; give --model=NAME=FOLDER")
        if name in models:
            raise InputError(f"--model={given}: there are two models of the name {name}; give --model=OTHER={path}")
        models[name] = path
    return models


def _token() -> str | None:
    if _TOKEN_FILE.value is None:
        return None
    try:
        token = Path(_TOKEN_FILE.value).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--token_file={_TOKEN_FILE.value} cannot be read ({error}); give a file of one line"
        ) from error
    if not token or not token.isascii() or len(token.split()) > 1:
        raise InputError(f"--token_file={_TOKEN_FILE.value} holds no token; it must be one word of ASCII")
    return token


class _JsonLines(logging.Formatter):
    """The line of a request as it comes, everything else as a JSON object of the same kind."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name.endswith(".access"):
            return record.getMessage()
        said = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps(said | ({"error": self.formatException(record.exc_info)} if record.exc_info else {}))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("progan_tf").setLevel(logging.INFO)


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
