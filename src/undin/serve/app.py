"""The addresses of the server, and what lives as long as it does. `/stream` is not here: `websocket.py` has it."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from undin.model.loading import load
from undin.serve import upload
from undin.serve.capacity import measure
from undin.serve.house import House, Settings
from undin.serve.ledger import Ledger
from undin.serve.limits import Refusal
from undin.serve.openapi import as_page, description

NO_PAGE = "The page of undin was not built here: run `make page` in a checkout, or name its folder with --page.\n"


def create(settings: Settings, ledger: Ledger) -> Starlette:
    """The application of a worker."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        models = {}
        for name in settings.models:
            model = await asyncio.to_thread(load, name)
            models[model.metadata.name] = model
        house = House(settings, models, ledger)
        house.set_capacity(settings.limits.streams or await measure(house))
        gc.collect()
        gc.freeze()  # else each full collection looks at all modules again, and every voice waits for it
        yield {"house": house}
        house.close()

    routes: list[BaseRoute] = [
        Route("/enhance", upload.enhance, methods=["POST"]),
        Route("/models", _models),
        Route("/healthz", _health),
        Route("/metrics", _metrics),
        Route("/openapi.json", _openapi),
        Route("/docs", _docs),
    ]
    if settings.page:
        routes.append(Mount("/", StaticFiles(directory=settings.page, html=True)))
    else:
        routes.append(Route("/", lambda _: PlainTextResponse(NO_PAGE)))
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Refusal: upload.refused})


def page_folder() -> Path | None:
    """Where the page lies: in the package, or where a checkout builds it; None where it is in neither."""
    package = Path(__file__).parents[1]
    places = (package / "page", package.parents[1] / "apps" / "page" / "dist")
    return next((place for place in places if (place / "index.html").is_file()), None)


async def _models(request: Request) -> Response:
    house: House = request.state.house
    fields = ("sample_rate", "latency_samples", "hop")
    told = [
        {"name": name, "is_default": name == house.default, "milliseconds_a_second": round(1e3 * cost, 2)}
        | {field: getattr(house.models[name].metadata, field) for field in fields}
        for name, cost in house.costs_seconds.items()
    ]
    return JSONResponse({"models": told})


async def _health(request: Request) -> Response:
    house: House = request.state.house
    state = "draining" if house.is_draining else "full" if house.full() else "ready"
    return JSONResponse({"state": state}, 200 if state == "ready" else 503)


async def _metrics(request: Request) -> Response:
    house: House = request.state.house
    house.enter(authorization=request.headers.get("authorization"), token=request.query_params.get("token"))
    registry = CollectorRegistry()
    registry.register(house.ledger)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _openapi(request: Request) -> Response:
    return JSONResponse(description(request.state.house))


async def _docs(request: Request) -> Response:
    return HTMLResponse(as_page(description(request.state.house)))
