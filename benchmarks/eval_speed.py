"""lm-evaluation-harness's own `hf` backend against ours on the same tasks from local data: equal to the item? how much faster?

    python benchmarks/eval_speed.py MODEL --data DIR [--tasks mmlu,hellaswag,arc,lambada,gsm8k] [--limit 20] [--subjects 1]

DIR: benchmark files in their original layout (mmlu/data, hellaswag, arc, lambada, gsm8k). Both compute in float32 in one run, on
the same items; every item whose log-likelihoods differ by more than 1e-3, or whose grade differs, is printed with the gap.
Loading is not timed; reading the items is, on both sides. Needs the extras `torch` and `lm-eval`.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.update({"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"})

LETTERS = ["A", "B", "C", "D"]
TASKS = ("mmlu", "hellaswag", "arc", "lambada", "gsm8k")
TOLD = 1e-3  # a gap of log-likelihoods that is told


def mmlu(data: Path, num_subjects: int) -> list[dict]:
    folder = data / "mmlu" / "data"
    names = sorted(file.name.removesuffix("_test.csv") for file in (folder / "test").glob("*_test.csv"))
    return [
        {
            "task": f"speed_mmlu_{name}",
            "dataset_path": "csv",
            "dataset_kwargs": {
                "data_files": {split: str(folder / split / f"{name}_{split}.csv") for split in ("dev", "test")},
                "names": ["question", *LETTERS, "answer"],
                "header": None,
                "keep_default_na": False,
            },
            "test_split": "test",
            "fewshot_split": "dev",
            "fewshot_config": {"sampler": "first_n"},
            "num_fewshot": 5,
            "output_type": "multiple_choice",
            "description": f"The following are multiple choice questions (with answers) about {name.replace('_', ' ')}.\n\n",
            "doc_to_text": "{{question.strip()}}\nA. {{A}}\nB. {{B}}\nC. {{C}}\nD. {{D}}\nAnswer:",
            "doc_to_choice": LETTERS,
            "doc_to_target": "answer",
        }
        for name in names[:num_subjects]
    ]


def hellaswag(data: Path, _: int) -> list[dict]:
    return [
        {
            **_lines("hellaswag", data / "hellaswag" / "rubriks_cube" / "hellaswag.jsonl"),
            "output_type": "multiple_choice",
            "doc_to_text": "{{activity_label}}: {{ctx}}",
            "doc_to_choice": "{{endings}}",
            "doc_to_target": "label",
        }
    ]


def arc(data: Path, _: int) -> list[dict]:
    return [
        {
            **_lines("arc", data / "arc" / "ARC-c" / "ARC-Challenge-Test.jsonl"),
            "output_type": "multiple_choice",
            "doc_to_text": "Question: {{question.stem}}\nAnswer:",
            "doc_to_choice": "{{question.choices|map(attribute='text')|list}}",
            "doc_to_target": "{{(question.choices|map(attribute='label')|list).index(answerKey)}}",
        }
    ]


def lambada(data: Path, _: int) -> list[dict]:
    return [
        {
            **_lines("lambada", data / "lambada" / "lambada_test.jsonl"),
            "output_type": "loglikelihood",
            "doc_to_text": "{{text.split(' ')[:-1]|join(' ')}}",
            "doc_to_target": "{{' '+text.split(' ')[-1]}}",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        }
    ]


def gsm8k(data: Path, _: int) -> list[dict]:
    return [
        {
            **_lines("gsm8k", data / "gsm8k" / "test.jsonl"),
            "output_type": "generate_until",
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_target": "{{answer.split('####')[-1].strip()}}",
            "generation_kwargs": {"until": ["Question:", "\n\n"], "do_sample": False, "max_gen_toks": 128},
            "filter_list": [
                {
                    "name": "last-number",
                    "filter": [
                        {"function": "regex", "group_select": -1, "regex_pattern": r"(-?[0-9][0-9.,]*)"},
                        {"function": "take_first"},
                    ],
                }
            ],
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        }
    ]


def _lines(name: str, file: Path) -> dict:
    return {
        "task": f"speed_{name}",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(file)}},
        "test_split": "test",
        "num_fewshot": 0,
    }


def run(lm, names: list[str], manager, limit: int) -> tuple[float, dict]:
    from lm_eval import simple_evaluate

    start = time.perf_counter()
    found = simple_evaluate(model=lm, tasks=names, limit=limit, task_manager=manager, bootstrap_iters=0)
    return time.perf_counter() - start, found


def differences(theirs: dict, ours: dict) -> tuple[list[str], float, int]:
    """A line for every item that differs; the largest gap of log-likelihoods; the number of items."""
    told, largest, num = [], 0.0, 0
    for name, samples in theirs["samples"].items():
        for a, b in zip(samples, ours["samples"][name], strict=True):
            num += 1
            assert a["doc_id"] == b["doc_id"] and a["prompt_hash"] == b["prompt_hash"]
            gap = _gap(a["resps"], b["resps"])
            largest = max(largest, gap or 0.0)
            grades = [{key: one.get(key) for key in a["metrics"]} for one in (a, b)]
            if gap is None or gap > TOLD or grades[0] != grades[1]:
                told.append(f"  {name} {a['doc_id']}: gap {gap}, {grades[0]} / {grades[1]}")
    return told, largest, num


def _gap(a: list, b: list) -> float | None:
    """None: texts that differ."""
    pairs = [(one[0], other[0]) for one, other in zip(a, b, strict=True)]
    if isinstance(pairs[0][0], str):
        return 0.0 if all(one == other for one, other in pairs) else None
    return max(abs(float(one[0]) - float(other[0])) for one, other in pairs)


def score_of(found: dict) -> str:
    rows = found["results"].values()
    values = [next(v for k, v in row.items() if "," in k and "stderr" not in k) for row in rows]
    return f"{sum(values) / len(values):.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", default="mmlu,hellaswag")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--subjects", type=int, default=1)
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--batch-size", type=int, default=8, help="of hf")
    args = parser.parse_args()

    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from zhinao import hub, machine
    from zhinao.evaluate.lm_eval.model import ZhinaoLM

    print(
        f"{machine.num_cores()} cores, {' '.join(f for f in machine.cpu_features() if 'avx' in f or 'amx' in f)[:300]}"
    )
    folder = hub.resolve(args.model).path
    theirs = HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=args.batch_size)
    ours = ZhinaoLM(str(folder), engine=args.engine, quant="f32")
    ours.loglikelihood([type("R", (), {"args": ("a", " b")})()], disable_tqdm=True)  # loads the graph
    with tempfile.TemporaryDirectory() as work:
        for kind in args.tasks.split(","):
            made = globals()[kind](args.data, args.subjects)
            for task in made:  # JSON is YAML
                Path(work, f"{task['task']}.yaml").write_text(json.dumps(task), encoding="utf-8")
            manager = TaskManager(include_path=work, include_defaults=False)
            names = [task["task"] for task in made]
            their_seconds, a = run(theirs, names, manager, args.limit)
            our_seconds, b = run(ours, names, manager, args.limit)
            told, largest, num = differences(a, b)
            print(
                f"{kind}: {num} items; hf {their_seconds:.1f} s, zhinao {our_seconds:.1f} s: {their_seconds / our_seconds:.2f} times; "
                f"scores {score_of(a)} / {score_of(b)}; largest gap {largest:.2e}; items that differ: {len(told)}",
                flush=True,
            )
            print("\n".join(told), flush=True)
    ours.model.close()


if __name__ == "__main__":
    main()
