"""One model and one tokenizer in a process of their own: what do they answer? Run by path, `python -P witness.py JOB.json`.

Imports nothing of this package at its top, and in a job without `knows_zhinao` nothing at all: what such a process
answers is what anybody's transformers answers. It judges nothing; `proof.py` compares what two witnesses say.

Job: `folder`, `knows_zhinao`, `dtype`, `num_threads`, `prompts` (lists of ids), `num_new_tokens`, `texts` (or null),
`conversation` (or null), `out` (a folder). Writes `answers.json` and one `logits-N.npy` (positions, vocabulary) a prompt.
"""

import contextlib
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

TEMPLATE_SECONDS, TEMPLATE_BYTES = 5.0, 2**28  # a short conversation takes thousandths, jinja's own import included


def main(job_file: str) -> None:
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    if job["knows_zhinao"]:
        import zhinao  # noqa: F401 (registers the classes)
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    answers: dict = {"transformers": transformers.__version__}
    if job["texts"] is not None:
        answers["tokenizer"] = _ask_tokenizer(job)
    if job["prompts"]:
        answers["model"] = _ask_model(job)
    answers["imported_zhinao"] = "zhinao" in sys.modules
    answers["peak_memory_bytes"] = _peak_memory()
    (Path(job["out"]) / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


def _ask_tokenizer(job: dict) -> dict:
    import tokenizers
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(job["folder"])
    file = Path(job["folder"]) / "tokenizer.json"
    plain = tokenizers.Tokenizer.from_file(str(file)) if file.exists() else None
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in job["texts"]]
    answers = {
        "class": type(tokenizer).__name__,
        "chat_template": tokenizer.get_chat_template() if tokenizer.chat_template else None,
        "ids": ids,
        "ids_by_default": [tokenizer.encode(text) for text in job["texts"]],
        "ids_of_file": plain and [plain.encode(text, add_special_tokens=False).ids for text in job["texts"]],
        "decoded": [tokenizer.decode(i, clean_up_tokenization_spaces=False) for i in ids],
        "decoded_without_control": [tokenizer.decode(i, skip_special_tokens=True) for i in ids],
    }
    if job["conversation"]:
        with _limits(TEMPLATE_SECONDS, TEMPLATE_BYTES):
            answers["conversation"] = tokenizer.apply_chat_template(
                job["conversation"], tokenize=False, add_generation_prompt=True
            )
    return answers


@contextlib.contextmanager
def _limits(seconds: float, num_bytes: int):
    """Of computing and of memory beyond what is held, for a template, which is a program of whoever wrote the checkpoint.
    The first ends this process (SIGPROF), the second is a MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    statm = Path("/proc/self/statm")
    if statm.exists():
        held = int(statm.read_text().split()[0]) * resource.getpagesize()
        wanted = held + num_bytes
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _ask_model(job: dict) -> dict:
    import numpy as np
    import torch
    import transformers

    torch.set_num_threads(job["num_threads"])
    loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
        job["folder"], dtype=getattr(torch, job["dtype"]), output_loading_info=True
    )
    model, report = loaded
    for parameter in model.parameters():  # aligned memory of its own: kernels may round by alignment
        parameter.data = parameter.data.clone()
    model.eval()
    greedy = []
    with torch.inference_mode():
        for number, prompt in enumerate(job["prompts"]):
            output = model(torch.tensor([prompt]), use_cache=True)
            np.save(Path(job["out"]) / f"logits-{number}.npy", output.logits[0].float().numpy())
            greedy.append(_greedy(model, output, job["num_new_tokens"]))
    return {
        "class": f"{type(model).__module__}.{type(model).__name__}",
        "missing": sorted(report["missing_keys"]),
        "unexpected": sorted(report["unexpected_keys"]),
        "greedy": greedy,
        "torch": torch.__version__,
    }


def _greedy(model, output, num_new_tokens: int) -> list[int]:
    """The likeliest token again and again, with the cache; it does not stop at stop tokens."""
    ids = []
    while True:
        best = output.logits[:, -1].argmax(-1)
        ids.append(int(best))
        if len(ids) == num_new_tokens:
            return ids
        output = model(best[None], past_key_values=output.past_key_values, use_cache=True)


def _peak_memory() -> int:
    """Bytes; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main(sys.argv[1])
