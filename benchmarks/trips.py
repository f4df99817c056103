"""How many files, and how many lines in them, somebody reads who follows a verb to its first result.

    python benchmarks/trips.py [--source FOLDER …] [--list]

Each FOLDER is a `src` with a tree of `zhinao` in it (default: this one's); columns stand side by side. Nothing is read off the
imports: the trip is made, on the demo model or a tiny one, and a file counts when one of its functions is called between
the start and the first step, byte, token or graph. What runs in other processes (the engine's, the encoders') is not
counted, nor is what merely happens while a module is imported.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PORT = 18_360
_IN_FUNCTION = 1  # CO_OPTIMIZED: the code of a function, not of a module or a class


class Steps:
    """The files of the package whose functions are called while `is_on`, in the order of their first calls."""

    def __init__(self, told: Path):
        self._told = told
        self.package = str(Path(importlib.util.find_spec("zhinao").origin).parent)
        self.files: dict[str, None] = {}
        self.is_on = False

    def watch(self) -> None:
        threading.setprofile(self._called)
        sys.setprofile(self._called)

    def _called(self, frame, event: str, _) -> None:
        if not (self.is_on and event == "call"):
            return
        file = frame.f_code.co_filename
        is_ours = file not in self.files and file.startswith(self.package) and frame.f_code.co_flags & _IN_FUNCTION
        if is_ours and not _is_importing(frame):
            self.files[file] = None

    def end(self) -> None:
        """Tell what was counted, and leave at once: what comes behind the first result is not part of the trip."""
        self.is_on = False
        lines = [len(Path(file).read_text(encoding="utf-8").splitlines()) for file in self.files]
        names = [str(Path(file).relative_to(self.package)) for file in self.files]
        self._told.write_text(json.dumps([names, lines]))
        os._exit(0)


def _is_importing(frame) -> bool:
    while frame := frame.f_back:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
            return True
    return False


# --- the trips


def finetune(steps: Steps, place: Path) -> None:
    """Until torch's optimizer is asked for its first step."""
    import torch

    from zhinao import cli

    torch.optim.Optimizer.step = torch.optim.AdamW.step = lambda *args, **more: steps.end()
    os.environ["ZHINAO_HOME"] = tempfile.mkdtemp(dir=place)  # nothing is encoded yet
    words = ["finetune", "--model_name_or_path", str(place / "tiny"), "--data_path", str(place / "data.jsonl")]
    steps.is_on = True
    cli.main(
        [*words, "--output_dir", str(place / f"out-{os.getpid()}"), "--max_steps", "1", "--model_max_length", "256"]
    )


def post(steps: Steps, place: Path) -> None:
    """From the first byte of a request to the first byte of the streamed answer, on a server that is ready."""
    from zhinao import cli

    threading.Thread(target=_ask, args=(steps,), daemon=True).start()
    cli.main(["serve", "smollm2-135m", "--port", str(PORT)])


def _ask(steps: Steps) -> None:
    import urllib.request

    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "max_tokens": 8}
    address = f"http://127.0.0.1:{PORT}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5)
            break
        except OSError:
            time.sleep(0.2)
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/chat/completions", json.dumps(body).encode(), headers)
    steps.is_on = True
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.read(1)
        steps.end()


def chat(steps: Steps, place: Path) -> None:
    """`zhinao chat MODEL PROMPT` until the first text of the answer is printed."""
    from zhinao import cli

    class Printed:
        def __getattr__(self, name: str):
            return getattr(sys.__stdout__, name)

        def write(self, text: str) -> None:
            if text.strip():
                steps.end()

    steps.is_on = True
    sys.stdout = Printed()
    cli.main(["chat", "smollm2-135m", "Name three colours.", "--max-tokens", "8"])


def graph(steps: Steps, place: Path) -> None:
    """From a checkpoint's tensors to the graph that OpenVINO stores; the engine's process is not started any more."""
    import openvino

    import zhinao

    openvino.save_model = lambda *args, **more: steps.end()
    os.environ["ZHINAO_HOME"] = tempfile.mkdtemp(dir=place)
    steps.is_on = True
    zhinao.load(str(place / "tiny"), engine="openvino", quant="f32")


TRIPS: dict[str, Callable[[Steps, Path], None]] = {
    "finetune → first step": finetune,
    "POST chat → first byte": post,
    "chat → first token": chat,
    "tensor → OpenVINO graph": graph,
}


# --- how they are made


def made(name: str, source: Path, place: Path) -> tuple[list[str], list[int]]:
    """Names and lines of the files of one trip in one tree, in a process of its own."""
    told = place / "told.json"
    told.unlink(missing_ok=True)
    words = [sys.executable, __file__, "--trip", name, "--place", str(place)]
    environ = {**os.environ, "PYTHONPATH": str(source.resolve()), "OMP_NUM_THREADS": "2"}
    done = subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    if not told.exists():
        sys.exit(f"{name} in {source}:\n{done.stderr[-2000:]}")
    return tuple(json.loads(told.read_text()))


def prepare(place: Path) -> None:
    """A tiny model and a few conversations, for every tree the same."""
    sys.path.insert(0, str(ROOT))
    from tests.tiny import make_checkpoint
    from tests.tiny_tokenizer import make_tokenizer

    make_tokenizer(make_checkpoint(place / "tiny", max_position_embeddings=512))
    said = [[{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"the {n}"}] for n in range(32)]
    (place / "data.jsonl").write_text("".join(json.dumps({"messages": one}) + "\n" for one in said))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", nargs="+", type=Path, default=[ROOT / "src"], help="folders with a tree of zhinao")
    parser.add_argument("--list", action="store_true", help="name the files of each trip")
    parser.add_argument("--trip", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.trip:
        steps = Steps(args.place / "told.json")
        steps.watch()
        TRIPS[args.trip](steps, args.place)
        sys.exit("the trip came to no result")
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        print("| trip |" + "".join(f" {source}: files | lines |" for source in args.source))
        print("| --- |" + " ---: | ---: |" * len(args.source))
        for name in TRIPS:
            found = [made(name, source, Path(folder)) for source in args.source]
            print(f"| {name} |" + "".join(f" {len(files)} | {sum(lines):,} |" for files, lines in found), flush=True)
            if args.list:
                for source, (files, lines) in zip(args.source, found, strict=True):
                    print(
                        f"{source}:", *(f"  {one} ({count})" for one, count in zip(files, lines, strict=True)), sep="\n"
                    )


if __name__ == "__main__":
    main()
