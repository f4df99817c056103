"""The proof that a converted checkpoint is the same model: four checks, each of which raises ProofError by itself.

1. way back: every tensor of the source, rebuilt from the converted one, has the same SHA-256 (`wayback.py`)
2. tokenizer: ids and text of a corpus are the same (`corpus.py`)
3. logits of a few prompts and 4. greedy tokens: the source through Zhinao's classes, the converted one through stock
   classes in a process that has not imported zhinao. One process after the other, so that one model is in memory at a time.

It changes nothing; `convert.py` writes what it returns as `parity.json`.
"""

import importlib.util
import json
import math
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from zhinao import machine
from zhinao.errors import ProofError
from zhinao.export import answers, corpus, wayback
from zhinao.export.companions import has_tokenizer
from zhinao.files import human_size
from zhinao.lang import tr
from zhinao.model.checkpoint import Checkpoint
from zhinao.model.tokenizer import Tokenizer
from zhinao.progress import Counter, Reporter, quiet

NUM_NEW_TOKENS = 24
_WORK_BYTES = 2 * 10**9  # torch itself, activations and logits of a witness


def is_possible() -> bool:
    """Whether torch and transformers are installed."""
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def too_large(source: Checkpoint) -> str | None:
    """A sentence where one copy of the model, as stored, does not fit into the memory that is free; else None."""
    needed, free = _num_bytes(source) + _WORK_BYTES, machine.facts().free_memory_bytes
    if needed <= free:
        return None
    return tr(
        f"logits and greedy tokens are not compared: one copy of the model needs {human_size(needed)}, {human_size(free)} are free",
        f"未比较 logits 与贪心生成：加载一份模型需要 {human_size(needed)}，可用内存只有 {human_size(free)}",
    )


def prove(
    source: Path,
    converted: Path,
    *,
    stop_ids: tuple[int, ...] = (),
    runs_models: bool = True,
    report: Reporter = quiet,
) -> dict:
    """Run the checks and return their figures. Raises ProofError at the first difference.

    `stop_ids` are those that the converted model must stop at; `runs_models` False leaves checks 3 and 4 out.
    """
    first, second = Checkpoint(source), Checkpoint(converted)
    counter = Counter(report, tr("proof: way back", "证明：反向转换"), _num_bytes(second))
    parity: dict = {"way_back": wayback.check(source, converted, counter.add)}
    tokenizer = Tokenizer.load(source) if has_tokenizer(source) else None
    if stop_ids:
        parity["stop_ids"] = _check_stops(converted, stop_ids)
    if not is_possible():
        return parity
    with tempfile.TemporaryDirectory(prefix="zhinao-proof-") as name:
        job, folder = _job(first, tokenizer, runs_models), Path(name)
        sides = _ask_both(job, first, second, folder, report)
        _check_witness(sides["converted"], second)
        if tokenizer:
            parity["tokenizer"] = _compare_tokenizers(tokenizer, converted, job, sides)
        if runs_models:
            parity |= _compare_models(job, sides, folder, tokenizer is not None)
    return parity


def _check_stops(converted: Path, stop_ids: tuple[int, ...]) -> list[int]:
    found = json.loads((converted / "generation_config.json").read_text(encoding="utf-8")).get("eos_token_id")
    found = found if isinstance(found, list) else [found]
    if lost := set(stop_ids) - set(found):
        raise ProofError(
            tr(
                f"Stop tokens: generation_config.json: {sorted(stop_ids)} wanted, {found} found; {min(lost)} is missing.",
                f"停止 token：generation_config.json：应有 {sorted(stop_ids)}，实际 {found}，缺少 {min(lost)}。",
            )
        )
    return found


def _ask_both(job: answers.Job, source: Checkpoint, converted: Checkpoint, folder: Path, report: Reporter) -> dict:
    """The answers of both witnesses, who write their logits to `folder`. One after the other, for the memory's sake."""
    labels = {"source": tr("proof: source", "证明：原模型"), "converted": tr("proof: converted", "证明：转换后")}
    sides = {}
    for side, checkpoint in (("source", source), ("converted", converted)):
        knows_zhinao = checkpoint.architecture.family == "zhinao"
        # What the tokenizer of a Zhinao source says is known without transformers.
        is_known = side == "source" and knows_zhinao
        asked = replace(job, texts=None, conversation=None) if is_known else job
        num_bytes = _num_bytes(checkpoint)
        report(labels[side], 0, num_bytes)
        sides[side] = answers.ask(asked, checkpoint.folder, knows_zhinao, folder / side)
        report(labels[side], num_bytes, num_bytes)
    return sides


def _num_bytes(checkpoint: Checkpoint, bytes_each: int | None = None) -> int:
    infos = checkpoint.stored.values()
    return sum(i.num_bytes if bytes_each is None else math.prod(i.shape) * bytes_each for i in infos)


def _job(source: Checkpoint, tokenizer: Tokenizer | None, runs_models: bool) -> answers.Job:
    """float32 where it takes at most half of the free memory, else the type of the checkpoint."""
    arch = source.architecture
    fits = _num_bytes(source, 4) <= machine.facts().free_memory_bytes / 2
    prompts = _prompts(tokenizer, arch.vocab_size, arch.num_context_tokens) if runs_models else ()
    return answers.Job(
        dtype="float32" if fits else arch.dtype,
        num_threads=machine.num_cores(),
        prompts=prompts,
        num_new_tokens=min(NUM_NEW_TOKENS, arch.num_context_tokens // 2),
        texts=corpus.lines() if tokenizer else None,
        conversation=corpus.CONVERSATION if tokenizer and tokenizer.chat_template else None,
    )


def _prompts(tokenizer: Tokenizer | None, vocab_size: int, num_context_tokens: int) -> tuple[tuple[int, ...], ...]:
    """Ids of the corpus's prompts; without a tokenizer as many random ids, always the same."""
    draw, longest = random.Random(360), num_context_tokens // 2
    if tokenizer is None:
        return tuple(tuple(draw.randrange(vocab_size) for _ in range(min(24, longest))) for _ in corpus.PROMPTS)
    return tuple(tuple(tokenizer.encode(text, control=True)[:longest]) for text in corpus.PROMPTS.values())


def _check_witness(converted: dict, checkpoint: Checkpoint) -> None:
    """The converted model must have been judged by stock classes, and must have loaded without a remainder."""
    if checkpoint.architecture.family != "zhinao" and converted.get("imported_zhinao"):
        raise ProofError(
            tr("Load: the process for stock classes has imported zhinao.", "加载：使用标准类的进程导入了 zhinao。")
        )
    model = converted.get("model", {"missing": [], "unexpected": []})
    odd = [*model["missing"], *(name for name in model["unexpected"] if name != "lm_head.weight")]
    if odd:
        raise ProofError(
            tr(
                f"Load: {checkpoint.folder}: transformers does not place {odd[0]} ({len(odd)} in all).",
                f"加载：{checkpoint.folder}：transformers 无法放置 {odd[0]}（共 {len(odd)} 个）。",
            )
        )


def _compare_tokenizers(tokenizer: Tokenizer, converted: Path, job: answers.Job, sides: dict) -> dict:
    """The source's tokenizer as this package reads it, against every way of reading the converted one."""
    texts, found, stock = job.texts or [], sides["converted"]["tokenizer"], sides["source"].get("tokenizer")
    ids = [tokenizer.encode(text, control=True) for text in texts]
    again = Tokenizer.load(converted)
    pairs = {
        tr("ids (AutoTokenizer)", "id（AutoTokenizer）"): (ids, found["ids"]),
        tr("ids (AutoTokenizer, default)", "id（AutoTokenizer 默认）"): (
            stock["ids_by_default"] if stock else ids,
            found["ids_by_default"],
        ),
        tr("ids (tokenizer.json)", "id（tokenizer.json）"): (ids, found["ids_of_file"]),
        tr("ids (zhinao)", "id（zhinao）"): (ids, [again.encode(text, control=True) for text in texts]),
        tr("decoded text", "解码文本"): ([tokenizer.decode(i, skip_control=False) for i in ids], found["decoded"]),
        tr("decoded text without control tokens", "去掉控制 token 的解码文本"): (
            [tokenizer.decode(i) for i in ids],
            found["decoded_without_control"],
        ),
    }
    for what, (wanted, other) in pairs.items():
        answers.compare_tokens(texts, wanted, other, what)
    if job.conversation:
        what = tr("chat template", "对话模板")
        answers.compare_tokens(["chat_template"], [tokenizer.chat_template], [found["chat_template"]], what)
        if stock:
            answers.compare_tokens(["conversation"], [stock["conversation"]], [found["conversation"]], what)
    return {"num_texts": len(texts), "num_tokens": sum(map(len, ids)), "class": found["class"]}


def _compare_models(job: answers.Job, sides: dict, folder: Path, has_names: bool) -> dict:
    first, second = sides["source"]["model"], sides["converted"]["model"]
    names = list(corpus.PROMPTS) if has_names else [f"random ids {n + 1}" for n in range(len(job.prompts))]
    logits = answers.compare_logits(names, folder / "source", folder / "converted", job.dtype)
    greedy = answers.compare_greedy(names, first["greedy"], second["greedy"])
    return {
        "logits": {"dtype": job.dtype, **logits},
        "greedy_tokens_equal": greedy,
        "classes": {"source": first["class"], "converted": second["class"]},
        "converted_imported_zhinao": sides["converted"]["imported_zhinao"],
        "peak_memory_bytes": {side: sides[side]["peak_memory_bytes"] for side in sides},
        "versions": {"torch": second["torch"], "transformers": sides["converted"]["transformers"]},
    }
