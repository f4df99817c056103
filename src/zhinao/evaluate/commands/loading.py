"""Flags of which model is loaded and by what engine, for every verb that asks one; and the backend that they mean."""

import argparse

from zhinao.errors import UsageError
from zhinao.evaluate.backend.base import Backend
from zhinao.evaluate.words import translated

ENGINES = ("auto", "openvino", "vllm", "transformers")


def add_arguments(to) -> None:
    """`to`: a parser, or a group of one."""
    to.add_argument("--engine", choices=ENGINES, default="auto", help=translated("engine (default: the fastest here)"))
    to.add_argument("--quant", metavar="Q", help=translated("weights' precision (default: as they are)"))
    to.add_argument("--device", default="auto", help=translated("device: auto, cpu, cuda …"))
    to.add_argument("--threads", type=int, metavar="N", help=translated("threads of the engine"))
    to.add_argument("--offline", action="store_true", help=translated("open no connection"))


def loaded(args: argparse.Namespace, model: str, chat_for: str | None = None) -> Backend:
    """The model, by the engine that is asked for; `--source` where the verb has it. `chat_for`: who wants a chat template.

    Raises what `api.load` raises, and UsageError where there is no template for who wants one.
    """
    from zhinao.evaluate.backend.local import LocalBackend, check_chat

    backend = LocalBackend.load(
        model,
        quant=args.quant,
        engine=args.engine,
        device=args.device,
        num_threads=args.threads,
        offline=args.offline,
        source=getattr(args, "source", None),
    )
    try:
        if chat_for is not None:
            check_chat(backend.model, chat_for)
    except UsageError:
        backend.close()
        raise
    return backend
