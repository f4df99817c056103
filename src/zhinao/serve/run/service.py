"""The server's one model and everything that requests share: slots, limits, counts, what is running. Knows no HTTP."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from zhinao.api.model import Model
from zhinao.engine.base import Grammar, JudgedGrammar
from zhinao.errors import UsageError, ZhinaoError
from zhinao.lang import tr
from zhinao.serve.errors import ApiError
from zhinao.serve.gate.in_turn import InTurn
from zhinao.serve.gate.limits import RateLimits
from zhinao.serve.gate.logs import LOGGER
from zhinao.serve.gate.metrics import Metrics
from zhinao.serve.gate.turns import Share
from zhinao.serve.run.admission import Admission
from zhinao.serve.run.live_answer import LiveAnswer, Wire
from zhinao.serve.run.reading import Reading
from zhinao.serve.run.work import Work
from zhinao.serve.settings import ServeSettings

_FOLLOWING_SECONDS = 0.15  # of computing in a step, for all grammars together


@dataclass(frozen=True)
class LiveRequest:
    """A request that runs, and the name of the key that it was sent with."""

    owner: str | None
    answers: list[LiveAnswer]


class Service:
    """`open_model` is called in a thread when the server starts; until the engine is ready every request gets a 503.

    `names` are what clients may call the model, the first of them in answers.
    """

    def __init__(self, settings: ServeSettings, open_model: Callable[[], Model], names: tuple[str, ...]):
        self.settings, self.names, self.created = settings, names, int(time.time())
        self.admission = Admission(settings.max_running, settings.max_queued)
        self.limits = RateLimits(settings.requests_per_minute, settings.tokens_per_minute)
        self.metrics = Metrics(names[0], lambda: self.admission.num_running, lambda: self.admission.num_waiting)
        self.live: dict[str, LiveRequest] = {}
        self.reading, self.following = Reading(), Share(_FOLLOWING_SECONDS)
        self.wire: Wire | None = None
        self.work = Work()
        self._scores, self._trials = InTurn(), InTurn()
        self._open_model, self._model = open_model, None
        self._failure: ZhinaoError | None = None
        self._num_restarts = 0

    async def start(self) -> None:
        """Load the model. Raises what that raises; until the server has left, every request is told so."""
        self.wire = Wire(asyncio.get_running_loop())
        try:
            model = self._model = await asyncio.to_thread(self._open_model)
            seconds = await asyncio.to_thread(model.engine.wait_until_ready)
            LOGGER.info(tr("ready (loaded in %.1f s)", "就绪（加载用时 %.1f 秒）"), seconds)
        except ZhinaoError as error:
            self._failure = error
            raise

    def close(self) -> None:
        for answer in [one for live in self.live.values() for one in live.answers]:
            answer.cancel()
        for pool in (self.work, self._scores, self._trials):
            pool.close()
        if self._model:
            self._model.close()

    @property
    def model(self) -> Model:
        """The loaded model. Raises ApiError 503 while there is none, or its engine is being started again."""
        if self._model is None or not self._model.engine.is_ready:
            if self._model:
                self._model.engine.revive()
            code, reason = self.state()
            raise ApiError(503, reason, code=code, headers={"Retry-After": "2"})
        return self._model

    async def score(self, client: str, ids: list[int]) -> list[float]:
        """The engine's `score`, given up when it is cancelled. Raises what that raises."""
        left = threading.Event()
        try:
            return await self._scores.do(client, self.model.engine.score, ids, left.is_set)
        finally:
            left.set()

    async def check_grammar(self, client: str, grammar: Grammar | None) -> JudgedGrammar | None:
        """What the engine found out, to be kept for as long as the request runs: then the engine need not try it again, in the
        event loop. A new one takes up to seconds to judge. Raises ApiError 400."""
        if grammar is None:
            return None
        engine = self.model.engine
        try:
            return engine.judged(grammar) or await self._trials.do(client, engine.check_grammar, grammar)
        except UsageError as error:
            raise ApiError(400, str(error), code="invalid_grammar") from None

    def state(self) -> tuple[str, str]:
        """A word (`ok`, `loading`, `restarting`, `failed`, `draining`) and a sentence."""
        if self.admission.is_closed:
            return "draining", tr("The server is shutting down.", "服务器正在关闭。")
        if self._failure:
            return "failed", str(self._failure)
        if self._model is None:
            return "loading", tr("The model is being loaded.", "模型正在加载。")
        if self._model.engine.is_ready:
            return "ok", ""
        if self._model.engine.num_restarts:
            return "restarting", tr("The engine crashed and is being started again.", "引擎崩溃，正在重新启动。")
        return "loading", tr("The engine is loading the model.", "引擎正在加载模型。")

    def check_name(self, name: str | None) -> None:
        """Raises ApiError 404 for a model that is not served here."""
        if name is not None and name not in self.names:
            served = ", ".join(self.names)
            raise ApiError(
                404,
                tr(f"There is no model {name!r} here; served: {served}.", f"这里没有模型 {name!r}，可用：{served}。"),
                code="model_not_found",
                param="model",
            )

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """The page of `/metrics` and its content type."""
        now = self._model.engine.num_restarts if self._model else 0
        self.metrics.engine_restarts.inc(now - self._num_restarts)
        self._num_restarts = now
        return self.metrics.render(accept)
