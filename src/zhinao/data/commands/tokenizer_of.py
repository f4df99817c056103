"""What the `data` verbs know of a model: its tokenizer, its template, its context length. Never reads weights."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zhinao.data.words import translated
from zhinao.family import DEMO
from zhinao.lang import tr

if TYPE_CHECKING:
    from zhinao.model.tokenizer import Tokenizer


@dataclass(frozen=True)
class Reader:
    """The tokenizer of a model. `num_context` is how many tokens the model can read at once; None where nothing says so."""

    name: str
    folder: Path
    tokenizer: "Tokenizer"
    num_context: int | None


def add_arguments(parser) -> None:
    group = parser.add_argument_group(translated("model (its tokenizer and chat template; no weights)"))
    group.add_argument(
        "--model",
        "--model_name_or_path",
        metavar="MODEL",
        help=tr(
            f"folder, short name or hub id (default: the demo model, {DEMO})",
            f"目录、短名或 hub id（默认演示模型 {DEMO}）",
        ),
    )
    group.add_argument("--offline", action="store_true", help=translated("open no connection"))
    group.add_argument("--source", metavar="HUB", help=translated("huggingface or modelscope"))


def read(args) -> Reader:
    """The tokenizer that the arguments name. Says on stderr when it is the demo model's, because nobody asked for that.

    Raises what `hub.resolve` and `Tokenizer.load` raise.
    """
    from zhinao.model.architecture import context_of
    from zhinao.model.tokenizer import Tokenizer
    from zhinao.model.tokenizer_folder import read_json

    name, folder = _folder(args)
    return Reader(name, folder, Tokenizer.load(folder), context_of(read_json(folder / "config.json")))


def _folder(args) -> tuple[str, Path]:
    """A folder is taken as it is: one that holds a tokenizer alone is enough."""
    from zhinao import hub

    if args.model is None:
        print(
            tr(
                f"No --model: tokens are counted with the demo model's tokenizer ({DEMO}), which is not this family's.",
                f"未指定 --model：使用演示模型（{DEMO}）的分词器计数，它不属于本系列。",
            ),
            file=sys.stderr,
        )
    elif (folder := Path(args.model).expanduser()).is_dir():
        return folder.name, folder
    found = hub.resolve_tokenizer(args.model or DEMO, source=args.source, offline=args.offline)
    return found.name, found.path
