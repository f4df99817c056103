"""What every grader gives back. Data only."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Grade:
    """`score`: 0 to 1 (or the measure's own scale); None where it could not be told, which counts as 0 and is shown.

    `extracted`: what of the output was compared, None where nothing was found. `facts`: JSON-able details for the reader.
    """

    score: float | None
    extracted: str | None = None
    facts: dict = field(default_factory=dict)
