"""What a model folder says about its tokenizer: which files count, their checks, and the built tokenizers that are kept.

A `tokenizer.json` wins. A `.tiktoken` vocabulary is taken only where the folder does not name another family's class.
"""

import contextlib
import hashlib
import json
import uuid
from pathlib import Path

from tokenizers import Tokenizer

from zhinao import files, foreign, outfile
from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model import added_tokens, tiktoken_file, tokenizer_pipeline, tokenizer_trial

CLASS = "ZhinaoTokenizer"
FILE, CONFIG = "tokenizer.json", "tokenizer_config.json"
_TIKTOKENS = ("vocab/360.tiktoken", "360.tiktoken", "vocab/*.tiktoken", "*.tiktoken")
FAMILY_CONFIG = {
    "tokenizer_class": CLASS,
    "eos_token": tokenizer_pipeline.EOS,
    "pad_token": tokenizer_pipeline.PAD,
    "padding_side": "left",
    "clean_up_tokenization_spaces": False,
}
ADDITIONAL = "additional_chat_templates"
NOT_SAVED = ("auto_map", "added_tokens_decoder", "vocab_file", "chat_template")
# Building a full vocabulary takes seconds; files below this size are built each time.
_NUM_BYTES_TO_KEEP = 2**19


def read_json(file: Path) -> dict:
    """A JSON object, `{}` where the file is absent. Raises CheckpointError naming file and line."""
    try:
        value = foreign.read_json(file)
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise _damaged(file, str(error)) from None
    if not isinstance(value, dict):
        raise _damaged(file, tr("it must be a JSON object", "必须是 JSON 对象"))
    return value


def read_config(folder: Path) -> dict:
    """tokenizer_config.json, with what older files or the family say where it is silent. Raises CheckpointError."""
    config = read_json(folder / CONFIG)
    older = read_json(folder / "special_tokens_map.json")
    found = {key: older[key] for key in ("eos_token", "pad_token") if key in older}
    if not (folder / FILE).exists() and config.get("tokenizer_class", CLASS) == CLASS:
        found = FAMILY_CONFIG | found
    return found | {key: value for key, value in config.items() if value is not None}


def load_backend(folder: Path, config: dict) -> Tokenizer:
    """The tokenizer of a folder; `config` is its tokenizer_config.json. Raises CheckpointError."""
    file = folder / FILE
    if file.exists():
        return _from_json(file)
    if vocabulary := find_vocabulary(folder):
        named = config.get("tokenizer_class", CLASS)
        if named != CLASS:
            raise CheckpointError(
                tr(
                    f"{folder / CONFIG}: tokenizer_class is {named!r}; {vocabulary.name} is read for {CLASS} alone.",
                    f"{folder / CONFIG}：tokenizer_class 为 {named!r}；只支持按 {CLASS} 读取 {vocabulary.name}。",
                ),
                tr(
                    "save the tokenizer as tokenizer.json with the tool it is from",
                    "请用原工具将其保存为 tokenizer.json",
                ),
            )
        return from_vocabulary(vocabulary, folder, config)
    raise _nothing_to_read(folder)


def find_vocabulary(folder: Path) -> Path | None:
    """The `.tiktoken` file of a folder: the published place first, then any other. Raises CheckpointError if unclear."""
    for pattern in _TIKTOKENS:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            raise CheckpointError(
                tr(
                    f"{folder}: several vocabularies ({', '.join(f.name for f in found)}).",
                    f"{folder}：有多个词表文件（{'、'.join(f.name for f in found)}）。",
                )
            )
        if found:
            return found[0]
    return None


def from_vocabulary(vocabulary: Path, folder: Path, config: dict) -> Tokenizer:
    """Build the family's tokenizer, or take it from the cache if this file was built before."""
    if vocabulary.stat().st_size < _NUM_BYTES_TO_KEEP:
        return _build(vocabulary, folder, config)
    kept = _kept_file(vocabulary, folder, config)
    try:
        return Tokenizer.from_file(str(kept))
    except Exception:  # the library raises nothing finer; absent or damaged, it is built again
        tokenizer = _build(vocabulary, folder, config)
    with contextlib.suppress(OSError):  # a place that cannot be written costs seconds, nothing else
        _keep(tokenizer, kept)
    return tokenizer


def _keep(tokenizer: Tokenizer, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_name(f"{kept.name}{files.PARTIAL}{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_text(tokenizer.to_str(), encoding="utf-8")
        temporary.replace(kept)
    finally:
        temporary.unlink(missing_ok=True)


def _kept_file(vocabulary: Path, folder: Path, config: dict) -> Path:
    further = json.dumps([_listed(folder, config), _unnumbered(config)], sort_keys=True)
    key = f"{tokenizer_pipeline.VERSION} {files.sha256(vocabulary)} {further}"
    return files.home() / "tokenizers" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _build(vocabulary: Path, folder: Path, config: dict) -> Tokenizer:
    ranks = tiktoken_file.read(vocabulary)
    further = added_tokens.further(_listed(folder, config), _unnumbered(config), list(ranks), folder / CONFIG)
    return tokenizer_pipeline.build(ranks, further)


def _listed(folder: Path, config: dict) -> dict[str, dict]:
    return added_tokens.merged(read_json(folder / "added_tokens.json"), config)


def _unnumbered(config: dict) -> list:
    found = config.get("additional_special_tokens")
    return found if isinstance(found, list) else []


def other_special_tokens(backend: Tokenizer, config: dict) -> list[str]:
    """The special tokens besides eos and pad, which transformers wants to be told by name."""
    named = {added_tokens.content_of(config.get(key)) for key in ("eos_token", "pad_token")}
    added = sorted(backend.get_added_tokens_decoder().items())
    return [token.content for _, token in added if token.special and token.content not in named]


def chat_templates(folder: Path, config: dict) -> dict[str, str]:
    """Every chat template by name: `default`, and those for a purpose (`tool_use`). Raises CheckpointError.

    Those of chat_template.jinja and additional_chat_templates/ win over those of tokenizer_config.json, where one may stand
    alone or in a list. A single one is the default whatever its name; of several none can be guessed to be it.
    """
    found = _in_config(folder / CONFIG, config.get("chat_template"))
    for file in [folder / "chat_template.jinja", *sorted((folder / ADDITIONAL).glob("*.jinja"))]:
        if file.is_file():
            try:
                found["default" if file.parent == folder else file.stem] = file.read_text(encoding="utf-8")
            except (UnicodeDecodeError, OSError) as error:
                raise _damaged(file, str(error)) from None
    if len(found) == 1:
        return {"default": next(iter(found.values()))}
    if found and "default" not in found:
        names = ", ".join(sorted(found))
        raise CheckpointError(
            tr(
                f"{folder}: of its chat templates ({names}) none is named default.",
                f"{folder}：对话模板（{names}）中没有名为 default 的。",
            ),
            tr(
                f"name the one for plain conversations `default` in {CONFIG}, or save it as chat_template.jinja",
                f"请在 {CONFIG} 中把普通对话所用的模板命名为 `default`，或另存为 chat_template.jinja",
            ),
        )
    return found


def _in_config(file: Path, value) -> dict[str, str]:
    if value is None:
        return {}
    try:
        found = {entry["name"]: entry["template"] for entry in value} if isinstance(value, list) else {"default": value}
    except (TypeError, KeyError):
        raise _damaged(file, "chat_template") from None
    if not all(isinstance(text, str) for pair in found.items() for text in pair):
        raise _damaged(file, "chat_template")
    return found


def write_chat_templates(folder: Path, default: str, named: dict[str, str]) -> None:
    """In both places that tools look: tokenizer_config.json, which must be there, and files of their own."""
    config = folder / CONFIG
    files.write_json(config, {**read_json(config), "chat_template": template_entry(default, named)})
    outfile.write_text(folder / "chat_template.jinja", default)
    for name, template in named.items():
        (folder / ADDITIONAL).mkdir(exist_ok=True)
        outfile.write_text(folder / ADDITIONAL / f"{name}.jinja", template)


def template_entry(default: str, named: dict[str, str]) -> str | list[dict]:
    """`chat_template` of tokenizer_config.json."""
    entries = [{"name": name, "template": text} for name, text in {"default": default, **named}.items()]
    return entries if named else default


def _from_json(file: Path) -> Tokenizer:
    tokenizer_trial.check(file)
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing finer
        read_json(file)  # if it is no JSON at all, this says where
        raise _damaged(file, str(error)) from None


def _nothing_to_read(folder: Path) -> CheckpointError:
    if (folder / "tokenizer.model").exists():
        return CheckpointError(
            tr(
                f"{folder}: only a SentencePiece tokenizer.model, which is not read.",
                f"{folder}：只有 SentencePiece 的 tokenizer.model，无法读取。",
            ),
            tr("save it as tokenizer.json with the tool it is from", "请用原工具将其保存为 tokenizer.json"),
        )
    return CheckpointError(
        tr(
            f"{folder}: no tokenizer (neither tokenizer.json nor vocab/360.tiktoken).",
            f"{folder}：没有分词器（既无 tokenizer.json，也无 vocab/360.tiktoken）。",
        ),
        tr("fetch the model again with `zhinao pull`", "请用 `zhinao pull` 重新下载"),
    )


def _damaged(file: Path, what: str) -> CheckpointError:
    return CheckpointError(
        tr(f"{file}: damaged ({what}).", f"{file}：文件损坏（{what}）。"), tiktoken_file.fetch_again()
    )
