"""What of a sample is trained: the choices of a run, as one small value. Encodes nothing."""

from dataclasses import dataclass

from zhinao.errors import UsageError
from zhinao.lang import tr

TRAIN_ON = ("all", "last")
THOUGHTS = ("as_served", "drop", "last")
REJECTED = ("error", "drop", "learn")
OVERLONG = ("error", "split", "drop", "left")  # what they mean: `overlong.Limit`


@dataclass(frozen=True, slots=True)
class Choices:
    """train_on: `all` messages of the assistant, or only those after the `last` user message.

    thoughts: chat templates drop the thoughts of earlier turns, so that one row which trains every turn of a thinking
    conversation would teach answering without a thought. `as_served`: a turn that the server would render in another way than
    later turns see it becomes a document of its own, in which nothing else is trained; so each is trained once, with its
    thought. `last`: such a conversation trains its last turn only. `drop`: thoughts are taken out first.

    train_thoughts: False gives a thought, its markers included, weight 0.

    rejected: what becomes of samples that are marked as bad answers (`label`, `kto_tag`, `desirable`: false; `is_rejected`: true). They can be an `error`, be
    left out (`drop`), or be learned as if nothing were said (`learn`: where the label is a class).
    Raises UsageError for a value that is none of these.
    """

    train_on: str = "all"
    thoughts: str = "as_served"
    train_thoughts: bool = True
    rejected: str = "error"

    def __post_init__(self):
        for name, known in (("train_on", TRAIN_ON), ("thoughts", THOUGHTS), ("rejected", REJECTED)):
            value = getattr(self, name)
            if value not in known:
                raise UsageError(
                    tr(f"{name}: {value!r} is unknown.", f"{name}：未知的 {value!r}。"),
                    tr(f"one of {', '.join(known)}", f"可用：{'、'.join(known)}"),
                )
