"""What a checkpoint says about ending and sampling an answer: `generation_config.json`, then the family's own knowledge."""

from dataclasses import dataclass
from pathlib import Path

from zhinao.errors import CheckpointError
from zhinao.family import STOP_TOKENS, Release, advised_sampling
from zhinao.lang import tr
from zhinao.model.tokenizer_folder import read_json

FILE = "generation_config.json"
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Defaults:
    """`stop_ids` end an answer, ascending. `sampling`: keyword arguments of `engine.base.Sampling`.

    `sampling_source` is whose they are: the file's name, the release's or the family's; empty where nobody says anything.
    """

    stop_ids: tuple[int, ...]
    sampling: dict
    sampling_source: str = ""


def read(folder: Path, tokenizer, release: Release | None = None) -> Defaults:
    """Defaults of a model folder; `tokenizer` is its `Tokenizer`. Raises CheckpointError for a damaged file.

    Stop ids: those of the file, the tokenizer's eos, and the family's stop tokens that the tokenizer has as control tokens
    (a chat model that is not told about all of them runs on with garbage). Sampling: the file's where it samples or
    names values, greedy where it says `do_sample: false`, else the release's, else what the maker of the chat template advises.
    """
    file = Path(folder) / FILE
    config = read_json(file)
    family = {tokenizer.control_tokens[token] for token in STOP_TOKENS if token in tokenizer.control_tokens}
    stop = family | _ids(config.get("eos_token_id"), file) | ({tokenizer.eos_id} - {None})
    return Defaults(tuple(sorted(stop)), *_sampling_and_source(config, file, tokenizer, release))


def _sampling_and_source(config: dict, file: Path, tokenizer, release: Release | None) -> tuple[dict, str]:
    if found := _sampling(config, file):
        return found, FILE
    if release and release.sampling:
        return dict(release.sampling), release.short
    maker, advice = advised_sampling(tokenizer.chat_template)
    return advice, maker


def _ids(value, file: Path) -> set[int]:
    ids = value if isinstance(value, list) else [] if value is None else [value]
    if not all(type(id) is int and id >= 0 for id in ids):
        raise _wrong(file, "eos_token_id", value)
    return set(ids)


def _sampling(config: dict, file: Path) -> dict:
    if config.get("do_sample") is False:
        return {"temperature": 0.0} | _numbers(config, ("repetition_penalty",), file)
    return _numbers(config, _SAMPLING, file)


def _numbers(config: dict, keys: tuple[str, ...], file: Path) -> dict:
    found = {key: config[key] for key in keys if config.get(key) is not None}
    for key, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(file, key, value)
    return found


def _wrong(file: Path, key: str, value) -> CheckpointError:
    return CheckpointError(
        tr(f"{file}: {key} is {value!r}, which cannot be meant.", f"{file}：{key} 为 {value!r}，无法理解。")
    )
