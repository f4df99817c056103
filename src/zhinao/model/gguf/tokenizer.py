"""The tokenizer inside a GGUF file as standard `tokenizer.json` and its companions.

Only byte-level BPE, and only those pre-tokenizers whose rule is known exactly; anything else is refused, because
a tokenizer that is nearly right ruins answers silently. Returns content, writes nothing.
"""

from dataclasses import dataclass

from zhinao.family import STOP_TOKENS
from zhinao.lang import tr

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED = 1, 2, 3, 4, 5
_LETTERS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _byte_level(use_regex: bool) -> dict:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _pattern(regex: str) -> list[dict]:
    split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    return [split, _byte_level(use_regex=False)]


# `tokenizer.ggml.pre` -> the steps of the original tokenizer
PRE_TOKENIZERS = {
    "smollm": [{"type": "Digits", "individual_digits": True}, _byte_level(use_regex=True)],
    "gpt-2": [_byte_level(use_regex=True)],
    "qwen2": _pattern(_LETTERS % ""),
    "llama-bpe": _pattern(_LETTERS % "{1,3}"),
}


# generation_config.json -> `general.sampling.*`, which files of late 2025 and later may hold
_SAMPLING = {
    "temperature": "temp",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "penalty_repeat",
}


@dataclass(frozen=True)
class Converted:
    """`files`: name -> JSON content (or text). `special_ids`: what config.json says of token ids."""

    files: dict[str, dict | str]
    special_ids: dict


def convert(source) -> Converted:
    """`source` is a `gguf.GgufFile`. Raises CheckpointError (through it) for a tokenizer that cannot be done exactly."""
    kind, pre = source.metadata.get("tokenizer.ggml.model"), source.metadata.get("tokenizer.ggml.pre")
    if kind != "gpt2":
        source.refuse(
            tr(
                f"its tokenizer is of the kind {kind!r}; only byte-level BPE ('gpt2') is read",
                f"其分词器类型为 {kind!r}，只支持字节级 BPE（'gpt2'）",
            )
        )
    if pre not in PRE_TOKENIZERS:
        source.refuse(
            tr(
                f"its pre-tokenizer {pre!r} is not one of {', '.join(PRE_TOKENIZERS)}",
                f"其预分词器 {pre!r} 不在支持之列（{'、'.join(PRE_TOKENIZERS)}）",
            )
        )
    tokens, types = _vocabulary(source)
    ids = _special_ids(source, tokens)
    files: dict[str, dict | str] = {
        "tokenizer.json": _tokenizer_json(source, tokens, types, ids, pre),
        "tokenizer_config.json": _tokenizer_config(source, tokens, ids),
        "generation_config.json": _generation_config(source, tokens, types, ids),
    }
    if template := source.metadata.get("tokenizer.chat_template"):
        files["chat_template.jinja"] = template
    return Converted(files, ids)


def _vocabulary(source) -> tuple[list[str], list[int]]:
    tokens = source.metadata.get("tokenizer.ggml.tokens")
    if not tokens or "tokenizer.ggml.merges" not in source.metadata:
        source.refuse(tr("it holds no vocabulary or no merges", "其中没有词表或合并规则"))
    types = source.metadata.get("tokenizer.ggml.token_type") or [_NORMAL] * len(tokens)
    if len(types) != len(tokens):
        source.refuse(
            tr(
                f"{len(tokens)} tokens, but {len(types)} token types",
                f"词表有 {len(tokens)} 个 token，类型却有 {len(types)} 个",
            )
        )
    return tokens, types


def _special_ids(source, tokens: list[str]) -> dict[str, int]:
    names = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding", "unk_token_id": "unknown"}
    found = {ours: source.metadata.get(f"tokenizer.ggml.{theirs}_token_id") for ours, theirs in names.items()}
    return {name: value for name, value in found.items() if value is not None and value < len(tokens)}


def _tokenizer_json(source, tokens, types, ids, pre: str) -> dict:
    added = [
        {
            "id": n,
            "content": tokens[n],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind != _USER_DEFINED,
        }
        for n, kind in enumerate(types)
        if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"} if pre == "qwen2" else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": PRE_TOKENIZERS[pre]},
        "post_processor": _begin(source, tokens, ids, pre),
        "decoder": _byte_level(use_regex=True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre == "llama-bpe",
            # unused entries only pad the matrix; text must never become one of them
            "vocab": {token: n for n, token in enumerate(tokens) if types[n] != _UNUSED},
            "merges": [merge.split(" ", 1) for merge in source.metadata["tokenizer.ggml.merges"]],
        },
    }


def _begin(source, tokens, ids, pre: str) -> dict | None:
    """The step that puts the begin token first, where the model was trained with one."""
    if not source.metadata.get("tokenizer.ggml.add_bos_token", pre == "llama-bpe") or "bos_token_id" not in ids:
        return None
    bos = tokens[ids["bos_token_id"]]
    token, first, second = (
        {"SpecialToken": {"id": bos, "type_id": 0}},
        *({"Sequence": {"id": name, "type_id": n}} for n, name in enumerate("AB")),
    )
    return {
        "type": "TemplateProcessing",
        "single": [token, first],
        "pair": [token, first, token, second],
        "special_tokens": {bos: {"id": bos, "ids": [ids["bos_token_id"]], "tokens": [bos]}},
    }


def _tokenizer_config(source, tokens, ids) -> dict:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "add_prefix_space": False,
        "model_max_length": source.get("context_length"),
        **{name.removesuffix("_id"): tokens[n] for name, n in ids.items()},
    }


def _generation_config(source, tokens, types, ids) -> dict:
    """Every token that ends an answer: those the file names, and those of the chat format that the vocabulary has."""
    named = [source.metadata.get(f"tokenizer.ggml.{kind}_token_id") for kind in ("eos", "eot", "eom")]
    control = {tokens[n]: n for n, kind in enumerate(types) if kind == _CONTROL}
    known = [control.get(token) for token in ("<|im_end|>", *STOP_TOKENS, "<|endoftext|>")]
    stops = list(dict.fromkeys(n for n in (*named, *known) if n is not None))
    drawn = {ours: source.metadata.get(f"general.sampling.{theirs}") for ours, theirs in _SAMPLING.items()}
    return {
        "eos_token_id": stops,
        **{k: v for k, v in ids.items() if k in ("bos_token_id", "pad_token_id")},
        **{name: float(f"{v:.6g}") if isinstance(v, float) else v for name, v in drawn.items() if v is not None},
    }
