"""What the settings of a request may be: one table for flags, files, the terminal, the server and the engines. Imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """From `low` to `high`, both included; None has no end. `is_open`: `low` itself is not allowed."""

    low: float
    high: float | None = None
    is_open: bool = False

    def holds(self, value) -> bool:
        return (value > self.low if self.is_open else value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.high is None:
            return f"{'>' if self.is_open else '≥'} {self.low}"
        return f"> {self.low}, ≤ {self.high}" if self.is_open else f"{self.low} … {self.high}"


# Those of OpenAI and vLLM. A temperature above 2 gives noise, and is nearly always 0.15 or 1.5 without its point.
BOUNDS = {
    "temperature": Bound(0, 2),
    "top_p": Bound(0, 1, is_open=True),
    "top_k": Bound(-1),
    "min_p": Bound(0, 1),
    "presence_penalty": Bound(-2, 2),
    "frequency_penalty": Bound(-2, 2),
    "repetition_penalty": Bound(0, 100, is_open=True),
    "seed": Bound(0, 2**63 - 1),
    "max_tokens": Bound(1),
    "min_tokens": Bound(0),
    "thinking_budget": Bound(0),
}
