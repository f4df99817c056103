"""The same few prompts, answered at the start, at each evaluation and at the end: samples.jsonl. Grades nothing."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from transformers import GenerationConfig, TrainerCallback

from zhinao.family import STOP_TOKENS
from zhinao.lang import tr
from zhinao.prompt.conversation import render
from zhinao.train.monitor.journal import Journal
from zhinao.train.monitor.recorder import now
from zhinao.train.monitor.run_facts import RunFacts
from zhinao.train.monitor.status import StatusLine

FILE = "samples.jsonl"
PROMPTS = (
    "Who are you?",
    "你是谁？请用一句话介绍自己。",
    "What is 17 + 25?",
    "用三句话介绍北京的秋天。",
    "Write a Python function that reverses a string.",
)


class Samples(TrainerCallback):
    """Every process answers, since a sharded model needs them all; the first one writes."""

    def __init__(self, facts: RunFacts, status: StatusLine, is_stopping: Callable[[], bool] = lambda: False):
        """`is_stopping`: whether any process was asked to stop; all must call it. Then no further question is answered."""
        self._is_stopping = is_stopping
        self._prompts, self._answer = list(facts.prompts), facts.answer
        self._journal = Journal(facts.output_dir / FILE)
        self._status = status
        self._last_step: int | None = None

    def on_train_begin(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            self._journal.begin(state.global_step)
        self._last_step = None if state.global_step == 0 else state.global_step
        self._take(state)

    def on_evaluate(self, args, state, control, **kwargs):
        self._take(state)

    def on_train_end(self, args, state, control, **kwargs):
        self._take(state)

    def _take(self, state) -> None:
        if not self._prompts or self._answer is None or self._last_step == state.global_step:
            return
        self._last_step, answers = state.global_step, []
        with untouched_rng():
            for number, prompt in enumerate(self._prompts, 1):
                if self._is_stopping():
                    break
                done = f"{number}/{len(self._prompts)}"
                self._status.doing(tr(f"answering {done}", f"回答问题 {done}"))
                began = time.monotonic()
                text = self._answer(prompt)
                answers.append({"prompt": prompt, "answer": text, "seconds": round(time.monotonic() - began, 3)})
        self._status.doing("")
        if state.is_world_process_zero and len(answers) == len(self._prompts):
            self._journal.append({"step": state.global_step, "time": now(), "answers": answers})


@contextlib.contextmanager
def untouched_rng() -> Iterator[None]:
    """Whatever is drawn inside, every generator stands afterwards where it stood: a run with samples is the run without."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gpu = torch.cuda.get_rng_state() if torch.cuda.is_available() else None  # this process's own device
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if gpu is not None:
            torch.cuda.set_rng_state(gpu)


def questions(settings) -> tuple[str, ...]:
    """That a run's model answers while it is trained."""
    return (settings.sample_prompts or PROMPTS) if settings.has_samples else ()


def answerer(
    model,
    tokenizer,
    *,
    max_new_tokens: int = 64,
    is_chat: bool = True,
    generating: Callable[[], AbstractContextManager] = nullcontext,
) -> Callable[[str], str]:
    """A function that gives the model's greedy answer to a prompt, cut after `max_new_tokens`.

    model: of transformers, in training. tokenizer: the family's `Tokenizer`. `is_chat`: the prompt is a user's message;
    else it is text to be continued. `generating`: entered around each generation (an attention that needs to know).
    """
    stop = {tokenizer.control_tokens[token] for token in STOP_TOKENS if token in tokenizer.control_tokens}
    stop = sorted(stop | ({tokenizer.eos_id} - {None}))
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=max_new_tokens,
        eos_token_id=stop or None,
        pad_token_id=tokenizer.pad_id if tokenizer.pad_id is not None else (stop or [0])[0],
        use_cache=True,
    )

    def answer(prompt: str) -> str:
        ids = render([{"role": "user", "content": prompt}], tokenizer).ids if is_chat else tokenizer.encode(prompt)
        row = torch.tensor([ids], device=model.device)
        with torch.no_grad(), evaluating(model), generating():
            out = model.generate(input_ids=row, attention_mask=torch.ones_like(row), generation_config=config)
        new = out[0, len(ids) :].tolist()
        return tokenizer.decode(new[: next((n for n, id in enumerate(new) if id in stop), len(new))], False)

    return answer


@contextlib.contextmanager
def evaluating(model) -> Iterator[None]:
    """Every module in eval mode inside, and each in its own mode again afterwards (some may have been frozen)."""
    was_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in was_training:
            module.training = True
