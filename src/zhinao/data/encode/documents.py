"""The documents of any sample, for the verbs that show data: what the trainer would get, pairs of answers included.

Encodes nothing itself and cuts nothing.
"""

import numpy as np

from zhinao.data.encode.choices import How
from zhinao.data.encode.encoding import Encoded, encode, encode_preference
from zhinao.data.sample import Fault, Sample


def documents(sample: Sample, tokenizer, how: How) -> list[Encoded] | Fault:
    """As `encoding.encode`; a pair becomes two documents: the prompt with each of its answers, both of them trained."""
    if sample.kind != "preference":
        return encode(sample, tokenizer, how)
    pair = encode_preference(sample, tokenizer, how)
    if isinstance(pair, Fault):
        return pair
    prompt, *answers = pair
    return [_answered(prompt, answer, sample) for answer in answers]


def _answered(prompt: list[int], answer: list[int], sample: Sample) -> Encoded:
    ids = np.array([*prompt, *answer], np.int32)
    weights = np.zeros(len(ids), np.float32)
    weights[len(prompt) :] = 1
    return Encoded(ids, weights, sample.place, (len(ids),))
