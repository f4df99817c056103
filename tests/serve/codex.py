"""Requests to the Responses API as the Codex CLI (codex-rs) sends them: field by field after the structures in its public source.

Sources: `ResponsesApiRequest` in codex-api, `ResponseItem` in protocol. The words are ours.
"""

import json

SHELL = {
    "type": "function",
    "name": "shell",
    "description": "Runs a shell command and returns its output.",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {
            "command": {"type": "array", "items": {"type": "string"}, "description": "The command to execute"},
            "workdir": {"type": "string", "description": "The working directory"},
            "timeout_ms": {"type": "number", "description": "The timeout in milliseconds"},
        },
        "required": ["command"],
        "additionalProperties": False,
    },
}
PLAN = {
    "type": "function",
    "name": "update_plan",
    "description": "Updates the task plan.",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"plan": {"type": "array", "items": {"type": "object", "properties": {}}}},
        "required": ["plan"],
        "additionalProperties": False,
    },
}
FOREIGN = [
    {"type": "local_shell"},
    {"type": "web_search", "external_web_access": False},
    {
        "type": "custom",
        "name": "apply_patch",
        "description": "Edits files.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
    },
    {"type": "namespace", "name": "mcp__files", "description": "", "tools": []},
]


def said(role: str, text: str) -> dict:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def call(number: int, *command: str, output: str) -> list[dict]:
    called = {"type": "function_call", "name": "shell", "arguments": json.dumps({"command": command})}
    answered = {"type": "function_call_output", "call_id": f"call_{number}", "output": output}
    return [{**called, "call_id": f"call_{number}"}, answered]


REASONING = {"type": "reasoning", "summary": [], "encrypted_content": None}
FIRST = [
    said("developer", "<permissions instructions>Ask before you write.</permissions instructions>"),
    said("user", "<environment_context>\n  <cwd>/tmp</cwd>\n  <shell>bash</shell>\n</environment_context>"),
    said("user", "What is the capital of France?"),
]
LATER = [
    *FIRST,
    {**REASONING, "summary": [{"type": "summary_text", "text": "**Looking**"}], "encrypted_content": "gAAAAAB"},
    {**REASONING, "content": None},
    *call(1, "ls", "-l", output="total 0"),
    *call(2, "cat", "x", output=[{"type": "input_text", "text": "no such file"}]),
    {"type": "custom_tool_call", "status": "completed", "call_id": "c3", "name": "apply_patch", "input": "*** Begin"},
    {"type": "custom_tool_call_output", "call_id": "c3", "output": "Done!"},
    {
        "type": "local_shell_call",
        "call_id": "c4",
        "status": "completed",
        "action": {"type": "exec", "command": ["pwd"], "timeout_ms": None, "working_directory": None, "env": None},
    },
    {"type": "function_call_output", "call_id": "c4", "output": "/tmp"},
    {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "Paris"}},
    said("assistant", "Paris."),
    said("user", "And of Italy?"),
]


def request(model: str, items: list[dict], **fields) -> dict:
    return {
        "model": model,
        "instructions": "You are a coding agent running in a terminal.",
        "input": items,
        "tools": [SHELL, PLAN, *FOREIGN],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199a7d2-0000-7000-8000-000000000000",
        "text": {"verbosity": "medium"},
        **fields,
    }
