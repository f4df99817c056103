"""The real application on the fake engine, for fuzzing: `python -m tests.clients.fuzz_server PORT`."""

import itertools
import socket
import sys
from concurrent.futures import Future

from tests.chat.fake_engine import fake_model
from zhinao.serve.event_loop import run
from zhinao.serve.gate.auth import Keys
from zhinao.serve.settings import ServeSettings

TEXTS = (
    "<think>let me see</think>\n\n你好 😀",
    "plain",
    '<tool_call>\n{"name": "f", "arguments": {"a": [1]}}\n</tool_call>',
    '<tool_call>{"name": ',
    "",
    "cut off …",
    '{"a": 1}',
)


def main(port: int) -> None:
    texts = itertools.cycle(TEXTS)
    loading: Future = Future()
    loading.set_result(fake_model(lambda prompt: next(texts), thinks=True, num_context_tokens=2000))
    with socket.create_server(("127.0.0.1", port)) as listening:
        run(ServeSettings(port=port, max_body_mb=1.0), Keys(), listening, loading, ("fake",))


if __name__ == "__main__":
    main(int(sys.argv[1]))
