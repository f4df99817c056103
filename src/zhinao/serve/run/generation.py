"""A job being run for one client: slot, engine, stream or whole answer, and an end to all of it when the client leaves. ASGI."""

import asyncio
import contextlib
import functools

from starlette.responses import Response

from zhinao.api.model import Model
from zhinao.api.reply import Reply
from zhinao.api.state import ReplyState
from zhinao.errors import ZhinaoError
from zhinao.serve import errors
from zhinao.serve.errors import ApiError
from zhinao.serve.gate import asgi
from zhinao.serve.gate.asgi import Receive, Scope, Send
from zhinao.serve.gate.logs import record_of
from zhinao.serve.run.job import Job, Prompt, nth, timings
from zhinao.serve.run.live_answer import BEGUN, LiveAnswer
from zhinao.serve.run.service import LiveRequest, Service

_SSE = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_DONE = b"data: [DONE]\n\n"


class Generation(Response):
    """A response that answers one request with one job; `headers` go with the answer.

    `encode(chunks) -> bytes` and `whole(answer) -> dict` may be replaced where another API's shape is wanted (`openai/responses/events.py`).
    """

    def __init__(self, service: Service, job: Job, headers: dict[str, str] | None = None, shape=None):
        super().__init__()
        self._service, self._job, self._headers = service, job, headers or {}
        self._shape = shape or Plain()
        self._answers: list[LiveAnswer] = []
        self._tasks: list[asyncio.Task] = []
        self._replies: dict[int, Reply] = {}
        self._out: asyncio.Queue = asyncio.Queue()
        self._is_begun, self._num_counted = False, 0
        self._meter = service.metrics.request()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.create_task(self._work(scope, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not work.done():
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
        if not work.cancelled():
            work.result()

    async def _work(self, scope: Scope, send: Send) -> None:
        job, service, finish = self._job, self._service, "cancelled"
        client = asgi.state(scope).get("client", "")
        try:
            with service.admission.visit():
                service.admission.check(client, job.num_answers)
                service.limits.charge(client, job.num_answers)
                await job.writer.prepare(functools.partial(service.score, client))
                judged = await service.check_grammar(client, job.options.sampling.grammar)  # kept to the end
                self._start(client, asgi.state(scope).get("key"), judged.seconds if judged else 0.0)
                await (self._stream(send) if job.is_stream else self._whole(send))
                finish = self._finish()
        except (ApiError, ZhinaoError) as error:
            finish = "error"
            await self._fail(scope, send, error if isinstance(error, ApiError) else errors.of(error))
        finally:
            self._free(client)
            self._note(scope, finish)

    def _start(self, client: str, owner: str | None, seconds: float) -> None:
        """Let every answer begin when its turn comes; a token of each costs the engine `seconds` more than others do."""
        service, job, model = self._service, self._job, self._service.model
        service.live[job.id] = LiveRequest(owner, self._answers)
        for prompt in job.prompts:
            for n in range(job.n):
                make = functools.partial(self._state, model, prompt, n)
                self._answers.append(LiveAnswer(model.engine, make, service.wire, self._out, index=len(self._answers)))
        for answer in self._answers:
            if job.is_empty:
                answer.skip()
            else:
                self._tasks.append(asyncio.create_task(self._run(answer, client, seconds)))

    def _state(self, model: Model, prompt: Prompt, n: int) -> ReplyState:
        return ReplyState(model.tokenizer, prompt.ids, nth(self._job.options, n), **prompt.how)

    async def _run(self, answer: LiveAnswer, client: str, seconds: float) -> None:
        """One answer, from its turn until the engine is done with it."""
        service = self._service
        following = service.following.part(client, seconds) if seconds else contextlib.nullcontext()
        ids = self._job.prompts[answer.index // self._job.n].ids
        reading = functools.partial(service.reading.turn, client, ids, service.model.engine, service.wire)
        try:
            async with service.admission.slot(client), following:
                self._meter.started(self._job.num_prompt_tokens)
                async with reading() as is_read:
                    answer.start()
                    await answer.prompt_read.wait()
                    is_read()
                    await answer.ended.wait()
        except Exception as error:
            self._out.put_nowait((answer.index, error))

    async def _messages(self):
        """Batches of what came out together, until every answer has ended. Raises ZhinaoError, ApiError where one failed."""
        while len(self._replies) < len(self._answers):
            batch = [await self._out.get()]
            while not self._out.empty():
                batch.append(self._out.get_nowait())
            for index, what in batch:
                if isinstance(what, Exception):
                    raise what
                if isinstance(what, Reply):
                    self._replies[index] = what
            num_tokens = self._num_tokens()
            self._meter.tokens(num_tokens - self._num_counted)
            self._num_counted = num_tokens
            yield batch

    async def _stream(self, send: Send) -> None:
        job, writer, model = self._job, self._job.writer, self._service.model
        chunks, is_told = [], False
        async for batch in self._messages():
            for index, what in batch:
                answer = self._answers[index]
                if what is BEGUN:
                    choices = writer.start(index, answer, job, model)
                else:
                    choices = writer.end(index, what, answer) if isinstance(what, Reply) else writer.events(index, what)
                    is_told = True
                counted = {"usage": job.running_usage(self._num_counted)} if job.has_running_usage else {}
                chunks += [job.chunk(choice, **counted) for choice in choices]
            if chunks and is_told:
                await self._begin(send)
                await _body(send, self._shape.encode(chunks))
                chunks = []
        await self._begin(send)
        replies = self._all()
        last = [job.chunk(None, usage=job.usage(replies), timings=timings(replies))] if job.has_usage else []
        await _body(send, self._shape.encode(last) + self._shape.finish(), is_last=True)

    async def _whole(self, send: Send) -> None:
        job, writer, model = self._job, self._job.writer, self._service.model
        async for batch in self._messages():
            for index, what in batch:
                if what is BEGUN:
                    writer.start(index, self._answers[index], job, model)
        replies = self._all()
        choices = [writer.whole(n, reply, self._answers[n]) for n, reply in enumerate(replies)]
        body = asgi.json_text(self._shape.whole(job.answer(choices, replies))).encode()
        self._is_begun = True
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers + asgi.encoded(self._headers)})
        await _body(send, body, is_last=True)

    async def _begin(self, send: Send) -> None:
        """The head of a stream goes out with its first bytes, so that what fails before has its own status."""
        if not self._is_begun:
            self._is_begun = True
            await send({"type": "http.response.start", "status": 200, "headers": _SSE + asgi.encoded(self._headers)})

    async def _fail(self, scope: Scope, send: Send, error: ApiError) -> None:
        if self._is_begun:
            await _body(send, self._shape.failure(error), is_last=True)
        else:
            self._is_begun = True
            await asgi.refuse(scope, send, error)

    def _all(self) -> list[Reply]:
        return [self._replies[n] for n in range(len(self._answers))]

    def _finish(self) -> str:
        return next((reply.finish_reason for reply in self._all()), "stop")

    def _free(self, client: str) -> None:
        """Give back what others wait for, and count what was used; also where the client has left. May be called twice."""
        for one in (*self._answers, *self._tasks):
            one.cancel()
        if self._service.live.pop(self._job.id, None):
            self._service.limits.spend(client, self._job.num_prompt_tokens + self._num_tokens())

    def _num_tokens(self) -> int:
        return sum(answer.num_tokens for answer in self._answers)

    def _note(self, scope: Scope, finish: str) -> None:
        """Write down what came of it."""
        job, record = self._job, record_of(scope)
        self._meter.finished(finish)
        record.model, record.user, record.finish_reason = job.model, job.user, finish
        record.prompt_tokens, record.completion_tokens = job.num_prompt_tokens, self._num_tokens()
        if self._replies:
            record.first_token_seconds = timings(list(self._replies.values()))["first_token_seconds"]
        if self._service.settings.log_content:
            record.prompt = [prompt.text for prompt in job.prompts]
            record.answer = [reply.content for _, reply in sorted(self._replies.items())]


class Plain:
    """The shape of OpenAI's completions: chunks as they are, `[DONE]` at the end."""

    def encode(self, chunks: list[dict]) -> bytes:
        return "".join([f"data: {asgi.json_text(chunk)}\n\n" for chunk in chunks]).encode()

    def finish(self) -> bytes:
        return _DONE

    def failure(self, error: ApiError) -> bytes:
        return self.encode([error.body()]) + _DONE

    def whole(self, answer: dict) -> dict:
        return answer


async def _body(send: Send, data: bytes, is_last: bool = False) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": not is_last})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
