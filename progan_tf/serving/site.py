"""What a server says besides TensorFlow Serving's API: health, figures, what it serves, and its page."""

from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from progan_tf.serving.monitoring import Monitoring
from progan_tf.serving.repository import Repository

PAGE = Path(__file__).parent / "page"
# Whoever watches a server has no token, and a page must be there before it can ask for one.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/", *(f"/{file.name}" for file in PAGE.glob("*"))})


def site(repository: Repository, monitoring: Monitoring) -> Starlette:
    """The application for every path that does not begin with /v1/."""

    def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def readyz(request: Request) -> Response:
        answering = {name: bool(served.available) for name, served in repository.served.items()}
        return JSONResponse({"ready": repository.ready, "models": answering}, 200 if repository.ready else 503)

    def metrics(request: Request) -> Response:
        monitoring.ready.set(repository.ready)
        return Response(monitoring.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def models(request: Request) -> Response:
        return JSONResponse({"models": _models(repository)})

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/monitoring/prometheus/metrics", metrics),  # where TensorFlow Serving has them
            Route("/models", models),
            Mount("/", StaticFiles(directory=PAGE, html=True, check_dir=False)),
        ]
    )


def _models(repository: Repository) -> list[dict[str, Any]]:
    """What is served, newest versions only: all that a page needs to know of it."""
    versions = [(served.labels, served.find()) for served in repository.served.values() if served.available]
    return [
        {
            "name": version.model,
            "version": version.number,
            "labels": labels,
            "signatures": sorted(version.signatures),
            "description": version.description,
        }
        for labels, version in versions
    ]
