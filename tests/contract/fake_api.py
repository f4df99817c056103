"""The answers of the fake server, without HTTP: a request's JSON in, chunks or an answer out. Keeps the whole contract."""

import itertools
import json
import re
import time

from tests.contract import fake_model as model

NAME, CONTEXT = "fake", 2048
ROLES = ("system", "developer", "user", "assistant", "tool")
_number = itertools.count()


class Refused(Exception):
    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.status, self.headers = status, {}
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def refuse(condition, message: str, param: str | None = None) -> None:
    if condition:
        raise Refused(400, message, param)


def _is_number(value, *kinds) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and value == value and abs(value) < 1e30


RANGES = {
    "temperature": (0, 2), "top_p": (0, 1), "min_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2),
    "repetition_penalty": (0.01, 9), "repeat_penalty": (0.01, 9), "top_k": (-1, 10**6), "max_tokens": (0, 10**6),
    "max_completion_tokens": (0, 10**6), "n": (1, 128), "min_tokens": (0, 10**6), "thinking_budget": (0, 10**6),
    "top_logprobs": (0, 20),
}  # fmt: skip
WHOLE = {"top_k", "max_tokens", "max_completion_tokens", "n", "min_tokens", "thinking_budget", "top_logprobs"}
KNOWN = {
    *RANGES, "model", "messages", "prompt", "stream", "stream_options", "stop", "seed", "logprobs", "tools", "tool_choice",
    "response_format", "structured_outputs", "guided_regex", "guided_choice", "guided_json", "guided_grammar", "echo",
    "ignore_eos", "continue_final_message", "add_generation_prompt", "chat_template_kwargs", "user", "logit_bias",
}  # fmt: skip


def check_fields(body) -> None:
    """Everything that a request can have wrong in itself."""
    refuse(not isinstance(body, dict), "the body must be a JSON object")
    refuse(not isinstance(body.get("model"), str), "model must be text", "model")
    if body["model"] != NAME:
        raise Refused(404, f"the model {body['model']} does not exist", "model", "model_not_found")
    for name, (low, high) in RANGES.items():
        value = body.get(name)
        kinds = (int,) if name in WHOLE else (int, float)
        refuse(
            value is not None and not (_is_number(value, *kinds) and low <= value <= high),
            f"{name} must be from {low} to {high}",
            name,
        )
    refuse(not isinstance(body.get("stream"), (bool, type(None))), "stream must be true or false", "stream")
    stop = body.get("stop")
    refuse(not isinstance(stop, (str, list, type(None))) or stop == "", "stop must be text or a list of texts", "stop")
    refuse(body.get("stream_options") and not body.get("stream"), "stream_options needs stream", "stream_options")
    refuse(
        (body.get("min_tokens") or 0) > (body.get("max_tokens") or 10**9),
        "min_tokens is above max_tokens",
        "min_tokens",
    )
    for name in ("suffix", "best_of"):
        refuse(body.get(name), f"{name} is not supported", name)
    refuse(body.get("top_logprobs") and not body.get("logprobs"), "top_logprobs needs logprobs", "top_logprobs")
    both = body.get("continue_final_message") and body.get("add_generation_prompt")
    refuse(both, "continue_final_message and add_generation_prompt exclude each other", "continue_final_message")
    _check_tools(body)


def _check_tools(body: dict) -> None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    refuse(not isinstance(tools, (list, type(None))), "tools must be a list", "tools")
    names = [tool.get("function", {}).get("name") for tool in tools or []]
    refuse(not all(names), "tools[0].function.name is missing", "tools")
    refuse(
        choice not in (None, "none", "auto", "required") and not isinstance(choice, dict),
        "unknown tool_choice",
        "tool_choice",
    )
    refuse(choice not in (None, "none") and not tools, "tool_choice needs tools", "tool_choice")
    refuse(
        isinstance(choice, dict) and choice["function"]["name"] not in names,
        "tool_choice names an unknown tool",
        "tool_choice",
    )


def render(body: dict) -> str:
    """Messages as one text. Raises Refused for what is no message."""
    messages = body.get("messages")
    refuse(not isinstance(messages, list) or not messages, "messages must be a list that is not empty", "messages")
    text = json.dumps(body["tools"]) if body.get("tools") else ""
    for message in messages:
        refuse(not isinstance(message, dict), "messages must be objects", "messages")
        refuse(message.get("role") not in ROLES, f"messages: the role {message.get('role')!r} is unknown", "messages")
        content = message.get("content")
        if isinstance(content, list):
            refuse(any(part.get("type") != "text" for part in content), "this model reads text only", "messages")
            content = "".join(part["text"] for part in content)
        is_call = message["role"] == "assistant" and message.get("tool_calls")
        refuse(not isinstance(content, str) and not is_call, "messages: content must be text", "messages")
        text += f"\x02{message['role']}\n{content or ''}\x03\n"
    return text[:-2] if body.get("continue_final_message") else text + "\x02assistant\n"


def form_of(body: dict) -> str | None:
    """The text that the request's form demands; None where it demands none."""
    form, wanted = body.get("response_format") or {}, body.get("structured_outputs") or {}
    refuse(
        form.get("type") not in (None, "text", "json_object", "json_schema"),
        "unknown response_format",
        "response_format",
    )
    schema = wanted.get("json") or body.get("guided_json")
    if form.get("type") == "json_schema":
        refuse("json_schema" not in form, "response_format.json_schema is missing", "response_format")
        schema = form["json_schema"]["schema"]
    choice, regex = wanted.get("choice") or body.get("guided_choice"), wanted.get("regex") or body.get("guided_regex")
    grammar = wanted.get("grammar") or body.get("guided_grammar")
    try:
        if schema:
            return json.dumps(model.instance(schema), ensure_ascii=False)
        if regex:
            return model.matching(regex)
    except (KeyError, AttributeError, re.error) as error:
        raise Refused(400, f"the form is wrong: {error}") from None
    refuse(grammar and "nowhere" in grammar, "the grammar is wrong")
    if grammar or choice:
        return "fox1" if grammar else choice[0]
    return '{"ok": true}' if form.get("type") == "json_object" else None


class Choice:
    """One choice under way: its tokens, what a stop leaves of them, and how it ends. `think`: how many tokens are thought."""

    def __init__(self, body: dict, prompt: str, index: int):
        self.index, self.prompt, self.body, self.call, self.stop_reason = index, prompt, body, None, None
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        body = {**body, "max_tokens": limit}
        form, self.thought_end = form_of(body), None
        is_called = body.get("tools") and body.get("tool_choice") not in (None, "auto", "none")
        is_story = any(word in prompt for word in ("story", "Once", "quick", "One", "In the"))
        if is_called:
            self.call = self._call(body)
            tokens = []
        elif form is not None:
            tokens = model.tokens_of(form)
        else:
            tokens = model.write(prompt, body, index, 100 if is_story else 5)
        opened = prompt.endswith("<think>\n")
        thought = (
            self._thought(body)
            if "17 + 25" in prompt and "assistant\n42" not in prompt and not opened and form is None
            else []
        )
        self._num_thought = len(thought)
        if opened:
            head, mark, rest = "".join(tokens).partition("\n</think>\n")
            thought = model.tokens_of(head)
            tokens = model.tokens_of(rest) if mark else []
            self._num_thought = len(thought)
        tokens = thought + tokens
        is_cut = limit is not None and len(tokens) >= limit and not (form and len(tokens) == limit)
        self.tokens = tokens[:limit] if is_cut else tokens
        self.finish = "length" if is_cut else "tool_calls" if self.call else "stop"
        self._stop(body.get("stop"))

    def _thought(self, body: dict) -> list[str]:
        tokens = model.tokens_of(model.THOUGHT)
        budget = body.get("thinking_budget")
        self.thought_end = "closed" if budget is None or budget >= len(tokens) else "budget"
        return tokens if budget is None else tokens[:budget]

    def _call(self, body: dict) -> dict:
        choice = body["tool_choice"]
        name = choice["function"]["name"] if isinstance(choice, dict) else body["tools"][0]["function"]["name"]
        tool = next(t["function"] for t in body["tools"] if t["function"]["name"] == name)
        arguments = json.dumps(model.instance(tool["parameters"]))
        return {"id": f"call_{next(_number)}", "type": "function", "function": {"name": name, "arguments": arguments}}

    def _stop(self, stops) -> None:
        stops, text = [stops] if isinstance(stops, str) else stops or [], "".join(self.tokens)
        found = [(text.find(stop), stop) for stop in stops if stop in text]
        if found:
            at, self.stop_reason = min(found)
            self.tokens, self.finish = model.tokens_of(text[:at]), "stop"

    @property
    def thought(self) -> str:
        return "".join(self.tokens[: self._num_thought])

    @property
    def answer(self) -> str:
        return "".join(self.tokens[self._num_thought :])

    def entries(self, tokens: list[str] | None = None, prompt: str | None = None) -> list[dict]:
        """Log-probabilities in the form of chat."""
        text, entries, num_top = self.prompt if prompt is None else prompt, [], self.body.get("top_logprobs") or 0
        for token in self.tokens if tokens is None else tokens:
            value = model.logprob(text, token)
            tops = [{"token": token, "logprob": value - n, "bytes": []} for n in range(num_top)]
            entries.append({"token": token, "logprob": value, "bytes": list(token.encode()), "top_logprobs": tops})
            text += token
        return entries

    def ending(self) -> dict:
        return {"finish_reason": self.finish, "stop_reason": self.stop_reason, "thought_end": self.thought_end}


def usage_of(num_prompt: int, choices: list[Choice]) -> dict:
    made = sum(len(choice.tokens) or 1 for choice in choices)
    thought = sum(choice._num_thought for choice in choices)
    details = {"reasoning_tokens": min(thought, made)}
    return {
        "prompt_tokens": num_prompt,
        "completion_tokens": made,
        "total_tokens": num_prompt + made,
        "completion_tokens_details": details,
    }


def over_context(num: int) -> None:
    if num >= CONTEXT:
        message = f"The prompt has {num} tokens; the context holds {CONTEXT}."
        raise Refused(400, message, "messages", "context_length_exceeded")


class Chat:
    """A chat request: checked when made; then `answer` or `chunks`."""

    kind, object, chunk_object = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def __init__(self, body: dict):
        check_fields(body)
        self.body, prompt = body, render(body)
        self.num_prompt = len(model.tokens_of(prompt))
        over_context(self.num_prompt)
        self.choices = [Choice(body, prompt, index) for index in range(body.get("n") or 1)]
        self.head = {"id": f"{self.kind}-{next(_number)}", "created": int(time.time()), "model": NAME}

    @property
    def usage(self) -> dict:
        return usage_of(self.num_prompt, self.choices)

    def answer(self) -> dict:
        timings = {"first_token_seconds": 0.1, "tokens_per_second": 9.5}
        choices = [self._choice(choice) for choice in self.choices]
        return {**self.head, "object": self.object, "choices": choices, "usage": self.usage, "timings": timings}

    def _choice(self, choice: Choice) -> dict:
        thought = choice.thought or None
        message = {"role": "assistant", "content": choice.answer, "reasoning": thought, "reasoning_content": thought}
        if choice.call:
            message.update(content=None, tool_calls=[choice.call])
        logprobs = {"content": choice.entries()} if self.body.get("logprobs") else None
        return {"index": choice.index, "message": message, "logprobs": logprobs, **choice.ending()}

    def chunks(self):
        """Chunks as a stream tells them, and at last the usage where it is asked for."""
        is_counted = (self.body.get("stream_options") or {}).get("include_usage")
        head = {**self.head, "object": self.chunk_object, **({"usage": None} if is_counted else {})}
        for part in self._parts():
            yield {**head, "choices": [part]}
        if is_counted:
            yield {**head, "choices": [], "usage": self.usage}

    def _parts(self):
        for choice in self.choices:
            yield self._part(choice, {"role": "assistant", "content": ""})
        for choice in self.choices:
            if choice.call:
                yield from self._call_parts(choice)
            entries = choice.entries() if self.body.get("logprobs") else [None] * len(choice.tokens)
            for n, (token, entry) in enumerate(zip(choice.tokens, entries, strict=True)):
                delta = (
                    {"content": token} if n >= choice._num_thought else {"reasoning": token, "reasoning_content": token}
                )
                yield self._part(choice, delta, {"content": [entry]} if entry else None)
            yield {**self._part(choice, {}), **choice.ending()}

    def _call_parts(self, choice: Choice):
        call = choice.call
        yield self._part(
            choice,
            {"tool_calls": [{"index": 0, **call, "function": {"name": call["function"]["name"], "arguments": ""}}]},
        )
        for character in call["function"]["arguments"]:
            yield self._part(choice, {"tool_calls": [{"index": 0, "function": {"arguments": character}}]})

    def _part(self, choice: Choice, delta: dict, logprobs=None) -> dict:
        return {"index": choice.index, "delta": delta, "logprobs": logprobs, "finish_reason": None}


class Completion(Chat):
    """A request of `/v1/completions`."""

    kind, object, chunk_object = "cmpl", "text_completion", "text_completion"

    def __init__(self, body: dict):
        check_fields(body)
        self.body, prompts = body, self._prompts(body.get("prompt"))
        self.num_prompt = sum(len(model.tokens_of(prompt)) for prompt in prompts)
        over_context(self.num_prompt)
        pairs = enumerate((prompt, n) for prompt in prompts for n in range(body.get("n") or 1))
        self.choices = []
        for index, (prompt, n) in pairs:
            self.choices.append(Choice(body, prompt, n))
            self.choices[-1].index = index
        self.head = {"id": f"{self.kind}-{next(_number)}", "created": int(time.time()), "model": NAME}

    @staticmethod
    def _prompts(prompt) -> list[str]:
        refuse(not isinstance(prompt, (str, list)), "prompt must be text or ids", "prompt")
        listed = prompt if isinstance(prompt, list) else [prompt]
        listed = [listed] if listed and all(type(item) is int for item in listed) else listed
        refuse(not listed, "prompt must not be empty", "prompt")
        try:
            texts = [model.text_of(item) if isinstance(item, list) else item for item in listed]
        except IndexError:
            raise Refused(400, "prompt: these are no ids of this model", "prompt") from None
        refuse(not all(isinstance(text, str) for text in texts), "prompt must be text or ids", "prompt")
        return texts

    def _choice(self, choice: Choice) -> dict:
        text = (choice.prompt if self.body.get("echo") else "") + "".join(choice.tokens)
        return {"index": choice.index, "text": text, "logprobs": self._logprobs(choice), **choice.ending()}

    def _logprobs(self, choice: Choice) -> dict | None:
        if not self.body.get("logprobs"):
            return None
        echoed = model.tokens_of(choice.prompt) if self.body.get("echo") else []
        tokens = echoed + choice.tokens
        entries = choice.entries(tokens, "" if echoed else choice.prompt)
        values = [entry["logprob"] for entry in entries]
        if echoed:
            values[0] = None
        offsets, at = [], 0 if echoed else len(choice.prompt)
        for token in tokens:
            offsets.append(at)
            at += len(token)
        return {
            "tokens": tokens,
            "token_logprobs": values,
            "top_logprobs": [None] * len(tokens),
            "text_offset": offsets,
        }

    def _parts(self):
        for choice in self.choices:
            for token in [choice.prompt] * bool(self.body.get("echo")) + choice.tokens:
                yield {"index": choice.index, "text": token, "logprobs": None, "finish_reason": None}
            yield {"index": choice.index, "text": "", "logprobs": None, **choice.ending()}


class Response:
    """A request of `/v1/responses`, told as a chat."""

    def __init__(self, body: dict):
        refuse(not body.get("input"), "input is missing", "input")
        refuse(body.get("previous_response_id"), "previous_response_id: answers are not kept", "previous_response_id")
        given = body["input"]
        listed = [{"role": "user", "content": given}] if isinstance(given, str) else given
        messages = [
            {**m, "content": m["content"] if isinstance(m["content"], str) else m["content"][0]["text"]} for m in listed
        ]
        if body.get("instructions"):
            messages.insert(0, {"role": "system", "content": body["instructions"]})
        same = {name: body[name] for name in ("model", "temperature") if name in body}
        self.body = body
        self.chat = Chat({**same, "messages": messages, "max_tokens": body.get("max_output_tokens")})

    def answer(self) -> dict:
        choice, usage = self.chat.choices[0], self.chat.usage
        is_cut = choice.finish == "length"
        part = {"type": "output_text", "text": choice.answer, "annotations": []}
        message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
        counted = {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
        }
        return {
            "id": f"resp_{next(_number)}", "object": "response", "model": NAME, "output": [message], "usage": counted,
            "status": "incomplete" if is_cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        }  # fmt: skip

    def events(self):
        whole = self.answer()
        listed = [{"type": "response.created", "response": {**whole, "output": []}}]
        listed += [{"type": "response.output_text.delta", "delta": token} for token in self.chat.choices[0].tokens]
        listed.append({"type": f"response.{whole['status']}", "response": whole})
        for number, event in enumerate(listed):
            yield {**event, "sequence_number": number}
