"""Rewards of reinforcement learning by name: each grades one completion. Which of them count, and how much, is the run's business.

`REWARDS[name](prompt, completion, gold, *, is_thought_open=False)` gives a number, by convention 0 to 1 (penalties: -1 to 0), or None
where the reward cannot tell; such a completion is left out of its group. `prompt` and `gold` are text, gold may be empty where a reward
needs none; `is_thought_open`: the prompt ends inside `<think>`, so that the completion begins with a thought.
"""

from collections.abc import Callable

from zhinao.score.rewards.answers import choices, code, mathematics
from zhinao.score.rewards.form import format_reward, length, repetition
from zhinao.score.rewards.language import language

REWARDS: dict[str, Callable[..., float | None]] = {
    "mathematics": mathematics,
    "choices": choices,
    "code": code,
    "format": format_reward,
    "length": length,
    "repetition": repetition,
    "language": language,
}
NEEDS_GOLD = frozenset({"mathematics", "choices", "code"})
