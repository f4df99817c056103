"""Answers drawn at random from a grammar by the library itself: a model that is next to nothing, whose logits are all the same.

`python -m tests.engine.grammar_sampler` reads {"kind", "text", "seed"} from stdin, a line each, and answers {"texts"} (those that
ended by themselves) or {"why"}.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao.engine.base import Grammar
from zhinao.engine.grammar import written
from zhinao.engine.openvino import vocabulary as openvino_vocabulary
from zhinao.engine.openvino.worker import grammar_config
from zhinao.errors import UsageError
from zhinao.model.checkpoint import Checkpoint
from zhinao.model.tokenizer import Tokenizer

NUM_TOKENS = 400


class Sampler:
    """One small byte-level vocabulary, one pipeline."""

    def __init__(self, folder: Path):
        from zhinao.engine.openvino.quiet import without_tools

        without_tools()
        import openvino_genai.py_openvino_genai as genai

        make_tokenizer(make_checkpoint(folder, head_dim=16, vocab_size=400))
        vocabulary = openvino_vocabulary.kept(Checkpoint(folder))
        self.genai, self.stop, self.count = genai, vocabulary.num_trial_rows - 1, 0
        self.folder = str(vocabulary.trial_folder)
        self.tokenizer = Tokenizer.load(folder)
        self.renew()

    def renew(self) -> None:
        scheduler = self.genai.SchedulerConfig()
        scheduler.num_kv_blocks = 2000
        tokenizer = self.genai.Tokenizer(self.folder)
        properties = {"INFERENCE_NUM_THREADS": 1}
        self.pipeline = self.genai.ContinuousBatchingPipeline(self.folder, tokenizer, scheduler, "CPU", **properties)

    def texts(self, kind: str, text: str, num: int = 8, seed: int = 0, num_tokens: int = NUM_TOKENS) -> list[str]:
        """Those of `num` answers that ended by themselves. Raises UsageError for a grammar that is refused."""
        ebnf, handles = written(Grammar(kind, text)), []
        for n in range(num):
            config = self._config(ebnf, num_tokens, seed + n)
            self.count += 1
            prompt = self._prompt()
            handles.append(self.pipeline.add_request(self.count, prompt, config))
        while self.pipeline.has_non_finished_requests():
            self.pipeline.step()
        answers = [[id for out in self._read(handle) for id in out.generated_ids] for handle in handles]
        return [self._text(ids) for ids in answers if ids and ids[-1] == self.stop]

    def _prompt(self):
        from openvino import Tensor

        return Tensor(np.zeros((1, 1), np.int64))

    def _read(self, handle):
        while handle.can_read():
            yield from handle.read().values()

    def _config(self, ebnf: str, num_tokens: int, seed: int):
        config = self.genai.GenerationConfig()
        config.set_eos_token_id(self.stop)
        config.stop_token_ids, config.max_new_tokens = {self.stop}, num_tokens
        config.do_sample, config.temperature, config.rng_seed = True, 1.0, seed
        config.structured_output_config = grammar_config(self.genai, ebnf)
        return config

    def _text(self, ids: list[int]) -> str:
        """Ids are one further here, and the first has no bytes."""
        return b"".join(self.tokenizer.bytes_of(id - 1) for id in ids[:-1] if id).decode("utf-8", "surrogateescape")


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with tempfile.TemporaryDirectory() as folder:
        sampler = Sampler(Path(folder) / "tiny")
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                answer = {"texts": sampler.texts(asked["kind"], asked["text"], seed=asked["seed"])}
            except UsageError as error:
                answer = {"why": str(error)}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
