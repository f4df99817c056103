"""Runs the real terminal on a fake model: `python -m tests.chat.run_terminal '{"says": [...]}'` (keys of `fake_model`)."""

import json
import sys

from tests.chat.fake_engine import fake_model

from zhinao import lang
from zhinao.chat.session import Session
from zhinao.chat.terminal import Terminal

if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    lang.choose(settings.pop("lang", "en"))
    system = settings.pop("system", None)
    model = fake_model(**settings)
    code = Terminal(model, Session(model, system)).run()
    print(json.dumps({"code": code, "prompts": [prompt for prompt, _ in model.engine.requests]}, ensure_ascii=False))
