"""`/v1/chat/completions`: from the request's messages to a job, and from the job's events to chunks and answers."""

import dataclasses

from zhinao.api import reply as r
from zhinao.api.model import Model
from zhinao.api.reply import Event, Reply
from zhinao.engine.base import Grammar
from zhinao.lang import said, tr
from zhinao.prompt import tools
from zhinao.prompt.thinking import ANSWER, RECLASSIFY, THOUGHT
from zhinao.prompt.tool_calls import ARGUMENTS, CALL, CONTENT
from zhinao.prompt.tools import ToolUse
from zhinao.serve.errors import ApiError
from zhinao.serve.openai import sampling
from zhinao.serve.openai.render import render
from zhinao.serve.openai.schema import ChatRequest, own_tools
from zhinao.serve.openai.token_log import TokenLog
from zhinao.serve.run.job import Job, Prompt, Writer
from zhinao.serve.run.live_answer import LiveAnswer


def job(body: ChatRequest, model: Model, name: str, default_budget: int | None = None) -> Job:
    """Everything that can be wrong with a request is found here. Raises ApiError, UsageError."""
    _check_together(body)
    sampling.check_logprobs("top_logprobs", body.top_logprobs)
    use = tools.read(own_tools(body.tools), body.tool_choice, is_single=body.parallel_tool_calls is False)
    chosen = _options(body, model, use, default_budget)
    prompt = render(body, model, use)
    how = {"is_open": prompt.opens_thought, "thinks": model.thinks, "may_call": bool(use.shown) and not use.is_forced}
    return Job(
        kind="chat.completion",
        model=name,
        prompts=[Prompt(prompt.ids, how, prompt.text)],
        options=chosen,
        n=body.n or 1,
        writer=ChatWriter(use, bool(body.logprobs), body.top_logprobs or 0, chosen.sampling.grammar is not None),
        is_stream=bool(body.stream),
        **sampling.usage(body),
        user=body.user,
    )


def _check_together(body: ChatRequest) -> None:
    sampling.check_stream(body)
    if body.continue_final_message and body.add_generation_prompt:
        raise ApiError(
            400,
            tr(
                "continue_final_message and add_generation_prompt exclude each other.",
                "continue_final_message 与 add_generation_prompt 不能同时为真。",
            ),
            param="continue_final_message",
        )


def _options(body: ChatRequest, model: Model, use: ToolUse, default_budget: int | None):
    demanded = sampling.grammar(body, body.response_format)
    if forced := use.grammar():
        demanded = Grammar(*forced)  # the call goes first; the form is for the answer to what it gives
    budget = body.thinking_budget if body.thinking_budget is not None else default_budget
    limit = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    if limit == 0:
        raise ApiError(400, tr("max_tokens is 0; allowed: 1, 2 …", "max_tokens 为 0，应 ≥ 1。"), param="max_tokens")
    options = sampling.read(
        body,
        model,
        max_tokens=limit,
        thinking_budget=budget,
        logprobs=bool(body.logprobs),
        grammar=demanded,
    )
    return dataclasses.replace(options, stop=()) if use.is_forced else options  # they would cut the call's JSON


class ChatWriter(Writer):
    """Events of thought and answer as deltas, and whole messages. A thought goes out under both of its names."""

    def __init__(self, use: ToolUse, has_logprobs: bool, num_top: int, is_form: bool = False):
        self._is_form = is_form
        self._use, self._has_logprobs, self._num_top = use, has_logprobs, num_top
        self._splitters: dict[int, object] = {}
        self._logs: dict[int, TokenLog] = {}
        self._shown: dict[int, list[str]] = {}  # answer text that may yet turn out to be a thought

    def start(self, index: int, live: LiveAnswer, job: Job, model: Model) -> list[dict]:
        self._splitters[index] = self._use.splitter(self._is_form)
        if live.state.may_reclassify:
            self._shown[index] = []
        if self._has_logprobs:
            self._logs[index] = TokenLog(model.tokenizer, live.state, frozenset(job.options.sampling.stop_ids))
        return [_choice(index, {"role": "assistant", "content": ""})]

    def events(self, index: int, events: list[Event]) -> list[dict]:
        choices = []
        for event in events:
            if event.kind == r.NOTE:
                choices.append({**_choice(index, {}), "note": said(event.text)})
                continue
            deltas, extra = self._deltas(index, event), {}
            if event.kind == RECLASSIFY:
                extra = {"reclassified": True}
            choices += [{**_choice(index, delta), **extra} for delta in deltas]
        return self._with_logprobs(index, choices, "".join(event.text for event in events if event.kind != r.NOTE))

    def end(self, index: int, reply: Reply, live: LiveAnswer) -> list[dict]:
        splitter = self._splitters[index]
        pieces = splitter.finish() if splitter else []
        choices = [_choice(index, delta) for piece in pieces if (delta := piece.delta())]
        last = {**_choice(index, {}), **self._ending(index, reply, live)}
        return self._with_logprobs(index, [*choices, last], "", is_last=True)

    def whole(self, index: int, reply: Reply, live: LiveAnswer) -> dict:
        """The choice of an answer that is not streamed."""
        content, calls = self._called(reply)
        message: dict = {"role": "assistant", "content": content}
        if reply.reasoning_content is not None:
            message |= {"reasoning_content": reply.reasoning_content, "reasoning": reply.reasoning_content}
        if calls:
            message["tool_calls"] = calls
        entries = self._logs[index].take(reply.content, is_last=True) if index in self._logs else None
        self._splitters[index] = None
        logprobs = {"content": self._topped(entries)} if entries is not None else None
        ending = {**self._ending(index, reply, live), "finish_reason": _finish(reply, len(calls))}
        return {"index": index, "message": message, "logprobs": logprobs, **ending}

    def _called(self, reply: Reply) -> tuple[str | None, list[dict]]:
        splitter = self._use.splitter(self._is_form)
        if not splitter:
            return reply.content, []
        pieces = [*splitter.feed(reply.content), *splitter.finish()]
        content, calls = "", []
        for piece in pieces:
            if piece.kind == CONTENT:
                content += piece.text
            elif piece.kind == CALL:
                calls.append({"id": piece.id, "type": "function", "function": {"name": piece.name, "arguments": ""}})
            elif piece.kind == ARGUMENTS:
                calls[-1]["function"]["arguments"] += piece.text
        return content or (None if calls else ""), calls

    def _deltas(self, index: int, event: Event) -> list[dict]:
        if event.kind == THOUGHT:
            return [{"reasoning_content": event.text, "reasoning": event.text}]
        if event.kind == RECLASSIFY:
            text = "".join(self._shown.pop(index, ()))
            return [{"reasoning_content": text, "reasoning": text}]
        assert event.kind == ANSWER
        if index in self._shown:
            self._shown[index].append(event.text)
        if splitter := self._splitters[index]:
            return [delta for piece in splitter.feed(event.text) if (delta := piece.delta())]
        return [{"content": event.text}]

    def _with_logprobs(self, index: int, choices: list[dict], text: str, is_last: bool = False) -> list[dict]:
        """Tokens go with the first chunk of the text that they made."""
        if index not in self._logs:
            return choices
        entries = self._logs[index].take(text, is_last)
        if entries:
            choices = choices or [_choice(index, {})]
            choices[0] = {**choices[0], "logprobs": {"content": self._topped(entries)}}
        return choices

    def _topped(self, entries: list[dict]) -> list[dict]:
        if not self._num_top:
            return entries
        return [{**entry, "top_logprobs": [{k: entry[k] for k in ("token", "logprob", "bytes")}]} for entry in entries]

    def _ending(self, index: int, reply: Reply, live: LiveAnswer) -> dict:
        splitter = self._splitters[index]
        return {
            "finish_reason": _finish(reply, splitter.num_calls if splitter else 0),
            "stop_reason": live.state.matched,
            "thought_end": reply.thought_end,
        }


def _choice(index: int, delta: dict) -> dict:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}


def _finish(reply: Reply, num_calls: int) -> str:
    if num_calls and reply.finish_reason == "stop":
        return "tool_calls"
    return reply.finish_reason
