"""The model card (`README.md`) of a converted checkpoint: what it is, from where, how it was made and proved, how to run it."""

from dataclasses import dataclass

from zhinao.export.target import CLASSES
from zhinao.family import Release
from zhinao.model.checkpoint import Checkpoint
from zhinao.version import __version__


@dataclass(frozen=True)
class Origin:
    """Where the weights are from. `fetched_from`: the hub, id and revision, or empty; `hashes`: file name -> SHA-256."""

    name: str
    release: Release | None
    family: str
    fetched_from: str
    hashes: dict[str, str]
    command: str


def write(origin: Origin, to: str, folder: str, checkpoint: Checkpoint, parity: dict | None) -> str:
    """The card's Markdown. `folder` is the name of the converted folder; `parity` as in `parity.json`, or None."""
    parts = (_front(origin, to), _what(origin, to), _how(origin, parity), _run(to, folder), _origin(origin, checkpoint))
    return "\n".join(parts)


def _front(origin: Origin, to: str) -> str:
    is_ours = origin.family == "zhinao" or origin.release
    lines = [f"license: {'apache-2.0' if is_ours else 'other'}"]
    if not is_ours:
        lines += ["license_name: that-of-the-source"]
    if origin.family == "zhinao" and not (origin.release and origin.release.wheel):  # the demo model is no Zhinao
        lines += ["language:", "- zh", "- en"]
    if origin.release:
        lines += [f"base_model: {origin.release.hub_id}"]
    lines += ["library_name: transformers", "pipeline_tag: text-generation", "tags:", f"- {to}"]
    return "\n".join(["---", *lines, "---", ""])


def _what(origin: Origin, to: str) -> str:
    name = origin.name
    reader = {
        "qwen2": "It loads as a Qwen2 model in transformers, vLLM, SGLang and other tools, without remote code.",
        "zhinao": "It is stored as 360Zhinao checkpoints are, and loads with the `zhinao` package, without remote code.",
    }[to]
    chinese = {
        "qwen2": "本目录是同一模型改写成 Qwen2 存储格式的结果，权重逐位不变，无需远程代码即可加载。",
        "zhinao": "本目录是同一模型改写成 360 智脑存储格式的结果，权重逐位不变，用 `zhinao` 加载，无需远程代码。",
    }[to]
    return f"""# {name}, in the {to} layout

The weights of `{name}` ({origin.family} layout), rewritten as `{CLASSES[to]}`. Only the place of numbers in the files
changed: not one bit of any weight did. {reader}

{chinese}
"""


def _how(origin: Origin, parity: dict | None) -> str:
    made = f"## How it was made\n\nWith `zhinao` {__version__}"
    made += f":\n\n```shell\n{origin.command}\n```\n" if origin.command else ".\n"
    if parity is None:
        return made + "\nIt was not proved (`--no-prove`).\n"
    rows = "\n".join(f"| {what} | {found} |" for what, found in _figures(parity))
    left_out = "".join(f"\nNot done: {note}.\n" for note in parity.get("left_out", ()))
    return (
        f"{made}\nProved equal to its source (`parity.json`):\n\n| check | result |\n| --- | --- |\n{rows}\n{left_out}"
    )


def _figures(parity: dict):
    """Rows of the table: the check and what it found."""
    back = parity["way_back"]
    yield "way back", f"{back['num_tensors']} tensors, {back['num_bytes']:,} bytes: SHA-256 of each is equal"
    if back["num_added_zero_biases"]:
        yield "added", f"{back['num_added_zero_biases']} biases of q, k, v, all zero"
    if logits := parity.get("logits"):
        yield (
            "largest difference of a logit",
            f"{logits['largest_difference']:g} of {logits['largest_logit']:.3g} "
            f"({logits['dtype']}, {logits['num_values']:,} values; allowed {logits['allowed_difference']:.2g})",
        )
        greedy = parity["greedy_tokens_equal"]
        yield "greedy tokens", ", ".join(f"{name}: {n} of {n} equal" for name, n in greedy.items())
        classes, stock = parity["classes"], "" if parity["converted_imported_zhinao"] else ", zhinao not imported"
        yield "compared", f"`{classes['source'].split('.')[-1]}` with `{classes['converted'].split('.')[-1]}`{stock}"
    if tokenizer := parity.get("tokenizer"):
        yield "tokenizer", f"{tokenizer['num_texts']:,} texts, {tokenizer['num_tokens']:,} tokens: ids and text equal"


def _run(to: str, folder: str) -> str:
    if to == "zhinao":
        return f"## How to run it\n\n```shell\npip install zhinao\nzhinao chat ./{folder}\n```\n"
    return f"""## How to run it

```shell
vllm serve ./{folder}
python -m sglang.launch_server --model-path ./{folder}
zhinao chat ./{folder}
```

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("./{folder}", dtype="auto")
tokenizer = AutoTokenizer.from_pretrained("./{folder}")
```

The weights are what llama.cpp (`convert_hf_to_gguf.py ./{folder}`), Ollama (`FROM ./{folder}` in a Modelfile, then
`ollama create`) and MLX (`mlx_lm.convert --hf-path ./{folder}`) read as Qwen2. Mind the tokenizer there: llama.cpp's
script only takes tokenizers that it has in its list, and a GGUF file cannot hold rules that replace text before
tokenizing, as 360Zhinao has for runs of spaces. Compare ids before you trust such a file.

Generation must end at each of the stop tokens in `generation_config.json`. A tool that does not read that file has to be told.
"""


def _origin(origin: Origin, checkpoint: Checkpoint) -> str:
    arch = checkpoint.architecture
    rows = "\n".join(f"| `{name}` | `{digest}` |" for name, digest in sorted(origin.hashes.items()))
    scaling = f", scaled: `{arch.rope_scaling}` (readers that ignore this differ)" if arch.rope_scaling else ""
    licence = (
        "Apache-2.0, as the source."
        if origin.family == "zhinao" or origin.release
        else "That of the source; this conversion adds none of its own."
    )
    fetched = f"Fetched from: {origin.fetched_from}.\n" if origin.fetched_from else ""
    return f"""## The source

{fetched}{arch.num_layers} layers, hidden size {arch.hidden_size}, {arch.num_heads} heads, {arch.num_kv_heads} key/value heads,
vocabulary {arch.vocab_size:,}, context {arch.num_context_tokens:,} tokens, rotary base {arch.rope_theta:g}{scaling}.

| file of the source | SHA-256 |
| --- | --- |
{rows}

## Licence

{licence}
"""
