"""A toy application and a client that calls it in the process, so that middlewares are tested without a server."""

import asyncio

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


async def echo(request: Request):
    body = await request.body()
    return JSONResponse({"num_bytes": len(body), "key": request.scope.get("state", {}).get("key")})


async def stream(request: Request):
    async def pieces():
        for n in range(3):
            yield f"data: {n}\n\n".encode()

    return StreamingResponse(pieces(), media_type="text/event-stream")


async def broken(request: Request):
    raise RuntimeError("geheim")


def toy() -> Starlette:
    paths = (
        "/",
        "/health",
        "/docs",
        "/metrics",
        "/props",
        "/v1/models",
        "/v1/echo",
        "/v1/chat/completions/{id}/answer_now",
    )
    routes = [Route(path, echo, methods=["GET", "POST"]) for path in paths]
    return Starlette(routes=[*routes, Route("/v1/stream", stream), Route("/v1/broken", broken)])


def call(app, method="GET", path="/v1/echo", **request) -> httpx.Response:
    """One request, in an event loop of its own."""

    async def calling():
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8360") as client:
            return await client.request(method, path, **request)

    return asyncio.run(calling())
