"""`/v1/completions`: texts or ids continued as they stand, with the prompt's own log-likelihoods where `echo` asks for them."""

from dataclasses import dataclass

from zhinao.api.model import Model
from zhinao.api.reply import Event, Reply
from zhinao.errors import ContextLengthError
from zhinao.lang import tr
from zhinao.model.tokenizer import mend_surrogates
from zhinao.serve.errors import ApiError
from zhinao.serve.openai import sampling
from zhinao.serve.openai.render import BoundedTokenizer, check_ids
from zhinao.serve.openai.schema import CompletionRequest
from zhinao.serve.openai.token_log import TokenLog, entry
from zhinao.serve.run.job import Job, Prompt, Writer
from zhinao.serve.run.live_answer import LiveAnswer

MAX_PROMPTS = 256


def job(body: CompletionRequest, model: Model, name: str) -> Job:
    """Raises ApiError. `max_tokens` 0 runs nothing: with `echo` it gives the prompt's likelihoods alone."""
    sampling.check_stream(body)
    sampling.check_logprobs("logprobs", body.logprobs)
    has_logprobs = body.logprobs is not None
    chosen = sampling.read(
        body,
        model,
        max_tokens=body.max_tokens or None,
        logprobs=has_logprobs,
        grammar=sampling.grammar(body, body.response_format),
    )
    prompts = [_prompt(prompt, model) for prompt in _prompts(body)]
    return Job(
        kind="text_completion",
        model=name,
        prompts=prompts,
        options=chosen,
        n=body.n or 1,
        writer=CompletionWriter(body, prompts),
        is_stream=bool(body.stream),
        **sampling.usage(body),
        user=body.user,
        is_empty=body.max_tokens == 0,
    )


def _prompts(body: CompletionRequest) -> list:
    prompt = body.prompt
    many = [prompt] if isinstance(prompt, str) or (prompt and isinstance(prompt[0], int)) else prompt
    if not many or not all(many):
        raise ApiError(400, tr("The prompt is empty.", "提示为空。"), param="prompt")
    if len(many) * (body.n or 1) > MAX_PROMPTS:
        raise ApiError(
            400,
            tr(
                f"{len(many) * (body.n or 1)} answers are asked for at once; at most {MAX_PROMPTS}.",
                f"一次请求了 {len(many) * (body.n or 1)} 个回答，上限为 {MAX_PROMPTS}。",
            ),
            param="prompt",
        )
    return many


def _prompt(prompt: str | list[int], model: Model) -> Prompt:
    """Who writes raw prompts writes the frame too, so control tokens in the text are control tokens."""
    limit = model.engine.info.num_context_tokens
    if isinstance(prompt, str):
        prompt = mend_surrogates(prompt)  # `echo` sends it back
        ids = BoundedTokenizer(model.tokenizer, limit).encode(prompt, control=True)
        return Prompt(ids, {"splits_thought": False}, prompt)
    if len(prompt) > limit:
        raise ContextLengthError(len(prompt), limit)
    check_ids(prompt, model, "prompt")
    return Prompt(prompt, {"splits_thought": False}, model.tokenizer.decode(prompt, skip_control=False))


@dataclass
class _Told:
    """Tokens told so far of one choice: offsets count characters."""

    log: TokenLog | None
    offset: int = 0


class CompletionWriter(Writer):
    """Text pieces, and log-likelihoods in the older form of parallel lists."""

    def __init__(self, body: CompletionRequest, prompts: list[Prompt]):
        self._is_echo, self._logprobs, self._n = bool(body.echo), body.logprobs, body.n or 1
        self._prompts, self._scores = prompts, [None] * len(prompts)
        self._told: dict[int, _Told] = {}
        self._tokenizer = None

    async def prepare(self, score) -> None:
        """Score the prompts that are to be sent back with their likelihoods."""
        if not (self._is_echo and self._logprobs is not None):
            return
        for n, prompt in enumerate(self._prompts):
            self._scores[n] = await score(prompt.ids)

    def start(self, index: int, live: LiveAnswer, job: Job, model: Model) -> list[dict]:
        self._tokenizer = model.tokenizer
        hidden = frozenset(job.options.sampling.stop_ids)
        log = TokenLog(model.tokenizer, live.state, hidden, keeps_hidden=True) if self._logprobs is not None else None
        self._told[index] = _Told(log)
        if not self._is_echo:
            return []
        return [_choice(index, self._prompts[index // self._n].text, self._echoed(index))]

    def events(self, index: int, events: list[Event]) -> list[dict]:
        text = "".join(event.text for event in events)
        logprobs = self._new(index, text)
        return [_choice(index, text, logprobs)] if text or logprobs else []

    def end(self, index: int, reply: Reply, live: LiveAnswer) -> list[dict]:
        last = _choice(index, "", self._new(index, "", is_last=True))
        return [{**last, "finish_reason": reply.finish_reason, "stop_reason": live.state.matched}]

    def whole(self, index: int, reply: Reply, live: LiveAnswer) -> dict:
        text, logprobs = reply.text, None
        self._told[index].offset = 0
        if self._logprobs is not None:
            before = self._echoed(index) if self._is_echo else None
            after = self._new(index, reply.text, is_last=True)
            logprobs = _joined(before, after)
        if self._is_echo:
            text = self._prompts[index // self._n].text + text
        return {
            **_choice(index, text, logprobs),
            "finish_reason": reply.finish_reason,
            "stop_reason": live.state.matched,
        }

    def _echoed(self, index: int) -> dict | None:
        number = index // self._n
        scores = self._scores[number]
        if scores is None:
            return None
        told, ids = self._told[index], self._prompts[number].ids
        return self._lists(
            told, [entry(self._tokenizer.bytes_of(i), p) for i, p in zip(ids, [None, *scores], strict=True)]
        )

    def _new(self, index: int, text: str, is_last: bool = False) -> dict | None:
        told = self._told[index]
        entries = told.log.take(text, is_last) if told.log else []
        return self._lists(told, entries) if entries else None

    def _lists(self, told: _Told, entries: list[dict]) -> dict:
        offsets = []
        for one in entries:
            offsets.append(told.offset)
            told.offset += len(one["token"])
        values = [one["logprob"] for one in entries]
        tops = [None if v is None else {one["token"]: v} for one, v in zip(entries, values, strict=True)]
        return {
            "tokens": [one["token"] for one in entries],
            "token_logprobs": values,
            "top_logprobs": tops if self._logprobs else None,
            "text_offset": offsets,
        }


def _choice(index: int, text: str, logprobs: dict | None) -> dict:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": None}


def _joined(before: dict | None, after: dict | None) -> dict | None:
    if before is None or after is None:
        return before or after
    return {name: None if values is None else values + after[name] for name, values in before.items()}
