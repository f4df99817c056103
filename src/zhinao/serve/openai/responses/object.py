"""The object that OpenAI's Responses API answers with, and the items in it. Data only; nothing is kept anywhere.

Fields and statuses are those of the `openai` package's types; `timings` is ours.
"""

import time
from collections.abc import Mapping

from zhinao.serve.openai.schema import is_foreign_tool

_ECHOED = ("instructions", "max_output_tokens", "temperature", "top_p", "user", "safety_identifier", "prompt_cache_key")


def response(body: Mapping, chat: Mapping, status: str, output: list[dict], **more) -> dict:
    """`chat` is any answer or chunk of the chat API: its `id`, `created` and `model` are used. `more` overrides fields."""
    text = body.get("text") or {}
    return {
        "id": response_id(chat["id"]),
        "object": "response",
        "created_at": chat["created"],
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": chat["model"],
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "text": {"format": text.get("format") or {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [
            {"parameters": None, "strict": None, **tool}
            for tool in body.get("tools") or []
            if not is_foreign_tool(tool)
        ],
        "truncation": "disabled",
        "usage": None,
        "metadata": body.get("metadata") or {},
        **{name: body.get(name) for name in _ECHOED},
        **more,
    }


def from_chat(body: Mapping, answer: Mapping) -> dict:
    """The response of an answer that is not streamed (`chat.completion`)."""
    choice = answer["choices"][0]
    finish, message = choice["finish_reason"], choice["message"]
    chat_id, output = answer["id"], []
    if thought := message.get("reasoning_content"):
        output.append(reasoning_item(item_id("rs", chat_id, 0), thought))
    if message.get("content") or not (thought or message.get("tool_calls")):
        entries = ((choice.get("logprobs") or {}).get("content")) or []
        output.append(message_item(item_id("msg", chat_id, len(output)), message.get("content") or "", entries))
    for call in message.get("tool_calls") or ():
        function = call["function"]
        id = item_id("fc", chat_id, len(output))
        output.append(call_item(id, call["id"], function["name"], function["arguments"]))
    if output and not is_complete(finish):
        output[-1]["status"] = "incomplete"
    return response(body, answer, **ending(finish), output=output, **measured(answer))


def reasoning_item(id: str, text: str, status: str = "completed") -> dict:
    return {"id": id, "type": "reasoning", "summary": [], "content": [reasoning_part(text)], "status": status}


def reasoning_part(text: str) -> dict:
    return {"type": "reasoning_text", "text": text}


def message_item(id: str, text: str, logprobs: list, status: str = "completed") -> dict:
    return {"id": id, "type": "message", "role": "assistant", "content": [text_part(text, logprobs)], "status": status}


def text_part(text: str, logprobs: list) -> dict:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def call_item(id: str, call_id: str, name: str, arguments: str, status: str = "completed") -> dict:
    return {
        "id": id,
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        "status": status,
    }


def is_complete(finish: str | None) -> bool:
    return finish in ("stop", "tool_calls")


def ending(finish: str | None) -> dict:
    """Fields of a response that has ended; `finish` is the chat's `finish_reason`."""
    if is_complete(finish):
        return {"status": "completed", "completed_at": int(time.time())}
    reason = {"reason": "max_output_tokens"} if finish == "length" else None
    return {"status": "incomplete", "incomplete_details": reason}


def measured(chat: Mapping) -> dict:
    """`usage` and `timings` of an answer or chunk, where it has them."""
    found = {"timings": chat["timings"]} if chat.get("timings") else {}
    if usage := chat.get("usage"):
        found["usage"] = {
            "input_tokens": usage["prompt_tokens"],
            # the type demands both numbers; 0 where the engine does not tell
            "input_tokens_details": {
                "cached_tokens": (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
                "cache_write_tokens": 0,
            },
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {
                "reasoning_tokens": (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
            },
            "total_tokens": usage["total_tokens"],
        }
    return found


def response_id(chat_id: str) -> str:
    return f"resp_{_stem(chat_id)}"


def item_id(prefix: str, chat_id: str, place: int) -> str:
    return f"{prefix}_{_stem(chat_id)}{place}"


def _stem(chat_id: str) -> str:
    return chat_id.rpartition("-")[2]
