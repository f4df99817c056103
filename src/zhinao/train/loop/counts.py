"""What a run has read so far, over all processes. Filled by the trainer, read by whoever reports."""

from dataclasses import dataclass


@dataclass
class Counts:
    """Since the run began; a resumed run goes on counting where its checkpoint stood."""

    num_tokens: int = 0
    num_supervised: int = 0
    num_documents: int = 0
