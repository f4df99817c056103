"""Which samples are held out for evaluation: drawn by their first prompt, so that what is evaluated was not trained.

The one owner for `zhinao data split`, `--eval_share` and preference pairs. Depends on content, share and seed alone: not on the
order of the data, on other samples' places, or on the machine. Reads and writes nothing.
"""

import hashlib
from collections.abc import Iterable

from zhinao.data.sample import DataError, Sample
from zhinao.lang import tr


def group(sample: Sample) -> int:
    """The same for samples that must stay together: 64 bits of the first prompt (or the text) without case and spacing."""
    prompt = next((m["content"] for m in sample.messages if m["role"] == "user"), None)
    if prompt is None:
        prompt = " ".join(m["content"] for m in sample.messages) or sample.prompt or sample.text
    return int.from_bytes(_hash(" ".join(prompt.split()).casefold()), "big")


def key(group: int, seed: int) -> bytes:
    """A group's place in the draw."""
    return _hash(f"{seed} {group}")


def num_held(wanted: float, num_samples: int, flag: str = "--eval") -> int:
    """`wanted`: a share below 1, or a number. Raises DataError where that would leave nothing on one of the sides."""
    num = max(1, round(wanted * num_samples)) if wanted < 1 else int(wanted)
    if num >= num_samples:
        raise DataError(
            tr(
                f"{num:,} held out of {num_samples:,} samples leave none to train on.",
                f"{num_samples:,} 条中留出 {num:,} 条后，没有可训练的样本。",
            ),
            f"{flag} 0.05",
        )
    return num


def held_out(keys: Iterable[bytes], num_wanted: int) -> set[bytes]:
    """The groups to hold out: in the order of their keys, as many samples as wanted, or fewer where groups are too large.

    At least one group is held out, and one is left. Raises DataError where all samples are one group.
    """
    sizes: dict[bytes, int] = {}
    for one in keys:
        sizes[one] = sizes.get(one, 0) + 1
    if len(sizes) < 2:
        raise DataError(
            tr("All samples have the same first prompt; they cannot be parted.", "所有样本的首个提问相同，无法拆分。")
        )
    held: set[bytes] = set()
    num_left = num_wanted
    for one in sorted(sizes):
        if sizes[one] <= num_left:
            held.add(one)
            num_left -= sizes[one]
    return held or {min(sizes, key=lambda one: (sizes[one], one))}


def are_held(groups: Iterable[int], share: float, seed: int) -> list[bool]:
    """For each sample, by its group, whether it is held out. `share`: from 0 to 1. Raises DataError."""
    keys = [key(int(one), seed) for one in groups]
    wanted = share if share < 1 else len(keys)
    held = held_out(keys, num_held(wanted, len(keys), "--eval_share"))
    return [one in held for one in keys]


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
