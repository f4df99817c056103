"""Headers that every answer has: it is what its type says, and nobody keeps a copy. The page's files say otherwise themselves."""

from zhinao.serve.gate import asgi

_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


class AnswerHeaders:
    """Adds them where the answer has none of that name."""

    def __init__(self, app: asgi.App):
        self.app = app

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        async def adding(message: dict) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                message = {**message, "headers": headers + [one for one in _HEADERS if one[0] not in names]}
            await send(message)

        await self.app(scope, receive, adding if scope["type"] == "http" else send)
