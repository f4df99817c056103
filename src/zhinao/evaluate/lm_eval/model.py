"""Our engines as a model of lm-evaluation-harness. Imports lm_eval at its top: import it where that is known to be there.

Texts become ids as its own `hf` backend makes them (control tokens that stand in a text are control tokens, what is too long
loses its beginning), so that both can be compared item by item.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from lm_eval import utils
from lm_eval.api.model import TemplateLM

from zhinao.errors import UsageError
from zhinao.evaluate.backend.local import PLAIN
from zhinao.lang import tr

QUANTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", "auto": None}
_UNSAID = (None, "cuda:0")  # what lm-eval's command gives where nobody named a device
_NUM_AT_ONCE = 16  # answers
_MAX_TOKENS = 256  # of an answer whose task says nothing, as in `hf`


class ZhinaoLM(TemplateLM):
    """`pretrained` (or `model`): a folder, a GGUF file, a hub id or a short name; or an `api.Model` that is loaded already.

    `quant` or `dtype`: f32 (the default: exact), bf16, int8, …. Sizes of batches are the engine's business and are not read.
    Raises UsageError for an argument that it does not know, and what `api.load` raises.
    """

    def __init__(
        self,
        pretrained=None,
        *,
        model=None,
        engine: str = "auto",
        quant: str | None = None,
        dtype: str | None = None,
        num_threads: int | None = None,
        max_gen_toks: int = _MAX_TOKENS,
        device: str | None = None,
        batch_size=None,
        max_batch_size=None,
        **unknown,
    ):
        super().__init__()
        if unknown:
            raise UsageError(
                tr(
                    f"The model zhinao takes no argument {', '.join(unknown)}.",
                    f"模型 zhinao 没有参数 {'、'.join(unknown)}。",
                ),
                "pretrained, engine, quant, dtype, num_threads, max_gen_toks",
            )
        if (given := model or pretrained) is None:
            raise UsageError(tr("No model is named.", "没有指定模型。"), "--model_args pretrained=MODEL")
        quant = quant or QUANTS.get(dtype or "float32", dtype)
        self.model = _loaded(str(given), engine, quant, device, num_threads) if isinstance(given, str) else given
        self.tokenizer, self.max_gen_toks = self.model.tokenizer, max_gen_toks
        self.num_cut = 0  # requests that lost their beginning

    @property
    def max_length(self) -> int:
        return self.model.engine.info.num_context_tokens

    @property
    def eot_token_id(self) -> int:
        stops = self.model.stop_ids
        return self.tokenizer.eos_id if self.tokenizer.eos_id is not None else stops[0] if stops else 0

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text that has nothing before it."""
        return self.eot_token_id if self.tokenizer.bos_id is None else self.tokenizer.bos_id

    @property
    def tokenizer_name(self) -> str:
        return self.model.name.replace("/", "__")

    def chat_template(self, chat_template: bool | str = False) -> str:
        """What its records keep of the template; `apply_chat_template` is what renders."""
        return self.tokenizer.chat_template or ""

    def apply_chat_template(self, chat_history: list[dict], add_generation_prompt: bool = True) -> str:
        rendered = self.model.render(chat_history, **({} if add_generation_prompt else {"continue_final": True}))
        return self.tokenizer.decode(rendered.ids, skip_control=False)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs) -> list[int]:
        return self.tokenizer.encode(string, control=True)

    def _loglikelihood_tokens(self, requests, disable_tqdm: bool = False, **kwargs) -> list[tuple[float, bool]]:
        asked = [self._fitting(context, continuation) for _, context, continuation in requests]
        self._tell_what_was_cut()
        found: list = [None] * len(asked)
        for index, logprobs, greedy in _bar(self.model.engine, asked, disable_tqdm):
            found[index] = sum(logprobs), all(greedy) if greedy is not None else False
        return found

    def loglikelihood_rolling(self, requests, disable_tqdm: bool = False) -> list[float]:
        asked, owners = [], []
        for number, (text,) in enumerate(request.args for request in requests):
            windows = utils.get_rolling_token_windows(
                token_list=self.tok_encode(text),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length,
                context_len=1,
            )
            for context, continuation in map(utils.make_disjoint_window, windows):
                asked.append(((*context, *continuation), len(context)))
                owners.append(number)
        totals = [0.0] * len(requests)
        for index, logprobs, _ in _bar(self.model.engine, asked, disable_tqdm):
            totals[owners[index]] += sum(logprobs)
        return totals

    def generate_until(self, requests, disable_tqdm: bool = False) -> list[str]:
        from tqdm import tqdm

        with ThreadPoolExecutor(_NUM_AT_ONCE) as pool:
            answers = pool.map(lambda request: self._answer(*request.args), requests)
            found = list(tqdm(answers, "generating", len(requests), disable=disable_tqdm))
        self._tell_what_was_cut()
        return found

    def _answer(self, context: str, kwargs: dict) -> str:
        settings = generation(kwargs, self.max_gen_toks)
        ids = self.tok_encode(context)
        if (room := self.max_length - settings["max_tokens"]) < 1:
            raise UsageError(
                tr(
                    f"An answer of {settings['max_tokens']} tokens leaves no room in a context of {self.max_length}.",
                    f"上下文只有 {self.max_length} 个 token，放不下 {settings['max_tokens']} 个 token 的回答。",
                )
            )
        self.num_cut += len(ids) > room
        return self.model.generate(ids[-room:], **settings).text

    def _fitting(self, context: Sequence[int], continuation: Sequence[int]) -> tuple[list[int], int]:
        """As `hf`: the last token takes no room; what is too long loses its beginning."""
        ids, most = [*context, *continuation], self.max_length + 1
        self.num_cut += len(ids) > most
        ids = ids[-most:]
        return ids, max(1, len(ids) - len(continuation))

    def _tell_what_was_cut(self) -> None:
        if self.num_cut:
            logging.getLogger("zhinao").warning(
                tr(
                    f"{self.num_cut} requests are longer than the context of {self.max_length} tokens; their beginnings are left out, as lm-eval does it.",
                    f"有 {self.num_cut} 个请求超出 {self.max_length} 个 token 的上下文，已按 lm-eval 的做法去掉开头。",
                )
            )
        self.num_cut = 0


def generation(kwargs: dict, max_tokens: int) -> dict:
    """Settings of `api.Model.generate` from a task's `generation_kwargs`: greedy unless `do_sample` is said, or a temperature."""
    given = dict(kwargs)
    until = given.pop("until", None) or []
    limits = [given.pop(name, None) for name in ("max_gen_toks", "max_new_tokens", "max_tokens")]
    is_drawn = given.pop("do_sample", float(given.get("temperature") or 0) > 0)
    settings = {
        name: given[name] for name in ("top_p", "top_k", "min_p", "repetition_penalty", "seed") if name in given
    }
    temperature = float(given.get("temperature") or 1.0) if is_drawn else 0.0
    stops = [until] if isinstance(until, str) else [stop for stop in until if stop]
    limit = next((int(one) for one in limits if one is not None), max_tokens)
    return {**PLAIN, **settings, "temperature": temperature, "max_tokens": limit, "stop": stops}


def _loaded(model: str, engine: str, quant: str | None, device: str | None, num_threads: int | None):
    from zhinao import api

    device = "auto" if device in _UNSAID else device
    return api.load(
        model,
        engine=engine,
        quant=quant,
        device=device,
        num_threads=num_threads,
        is_lazy=True,
        is_for_many=True,
    )


def _bar(engine, asked, is_silent: bool):
    from tqdm import tqdm

    with tqdm(total=sum(len(ids) for ids, _ in asked), desc="scoring (tokens)", disable=is_silent) as bar:
        yield from engine.score_many(asked, lambda done, _: bar.update(done - bar.n))
