"""Asking a tiny model many problems at once, and grading what it says. Imports torch when called."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zhinao.model import defaults
from zhinao.model.tokenizer import Tokenizer
from zhinao.prompt.conversation import render
from zhinao.reason.problems import Problem
from zhinao.score.rewards import REWARDS
from zhinao.score.statistics import clustered_interval, mean

NUM_TOKENS = 96
BATCH = 256


@dataclass(frozen=True)
class Asker:
    """A model as transformers has it, with its tokenizer."""

    net: object
    tokenizer: Tokenizer
    end_ids: tuple[int, ...]

    @classmethod
    def load(cls, folder: Path) -> "Asker":
        import torch
        from transformers import AutoModelForCausalLM

        tokenizer = Tokenizer.load(folder)
        net = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        return cls(net, tokenizer, defaults.read(folder, tokenizer).stop_ids)

    def with_net(self, net) -> "Asker":
        return dataclasses.replace(self, net=net)

    def draw(self, problems: Sequence[Problem], num_samples: int = 1) -> list[list[str]]:
        """`num_samples` completions of each, at temperature 1."""
        from zhinao.train.loop.rollout import draw

        ids = [self._ids(one) for one in problems for _ in range(num_samples)]
        texts = []
        for start in range(0, len(ids), BATCH):
            rows, _ = draw(
                self.net,
                ids[start : start + BATCH],
                num_tokens=NUM_TOKENS,
                pad_id=self.tokenizer.pad_id or 0,
                end_ids=self.end_ids,
            )
            texts += map(self.tokenizer.decode, rows)
        return [texts[start : start + num_samples] for start in range(0, len(texts), num_samples)]

    def _ids(self, problem: Problem) -> list[int]:
        return render([{"role": "user", "content": problem.prompt}], self.tokenizer).ids


def grades(problems: Sequence[Problem], drawn: Sequence[Sequence[str]]) -> list[list[float]]:
    """1.0 for each completion that is right."""
    right = REWARDS["mathematics"]
    return [[right("", text, one.gold) or 0.0 for text in texts] for one, texts in zip(problems, drawn, strict=True)]


def accuracy(scores: Sequence[Sequence[float]]) -> tuple[float, tuple[float, float]]:
    """Share of right samples, and its 95 % interval over problems."""
    return mean([mean(each) for each in scores]), clustered_interval(scores)
