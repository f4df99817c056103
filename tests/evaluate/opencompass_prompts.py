"""What OpenCompass itself gives a model, for files in our layout: run by a python that has it, never imported by a test.

    PYTHON opencompass_prompts.py DATA NUM > prompts.json

Prints {task@configuration: {item's number: digest of the prompt or of all labels' texts}} for the first NUM items of each set. Its own data readers,
templates and retrievers do the work; only the places of the files are ours. BBH is not among them: its examples come with the tool.
"""

import contextlib
import hashlib
import importlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import opencompass.datasets  # noqa: F401
from opencompass.models.base import LMTemplateParser
from opencompass.openicl.icl_retriever import FixKRetriever

# Task, file of the configurations, their names, the variable, the module that reads, the file or folder that it is given.
SETS = [
    ("ceval", "ceval.ceval", "ppl_578f8d", "ceval", "ceval", "ceval"),
    ("cmmlu", "cmmlu.cmmlu", "ppl_8b9c76", "cmmlu", "cmmlu", "cmmlu"),
    ("mmlu", "mmlu.mmlu", "ppl_ac766d", "mmlu", "mmlu", "mmlu/data"),
    ("arc-c", "ARC_c.ARC_c", "gen_1e0de5 ppl_a450bd ppl_2ef631", "ARC_c", "arc", "arc/ARC-c/ARC-Challenge-Dev.jsonl"),
    ("arc-e", "ARC_e.ARC_e", "gen_1e0de5 ppl_a450bd ppl_2ef631", "ARC_e", "arc", "arc/ARC-e/ARC-Easy-Dev.jsonl"),
    ("wic", "SuperGLUE_WiC.SuperGLUE_WiC", "ppl_312de9", "WiC", "wic", "wic/val.jsonl"),
    ("wsc", "SuperGLUE_WSC.SuperGLUE_WSC", "ppl_003529 ppl_1c4a90", "WSC", "wsc", "wsc/val.jsonl"),
    ("boolq", "SuperGLUE_BoolQ.SuperGLUE_BoolQ", "ppl_314797 ppl_314b96", "BoolQ", "boolq", "boolq/val.jsonl"),
    ("commonsense-qa", "commonsenseqa.commonsenseqa", "ppl_5545e2", "commonsenseqa", "commonsenseqa", "commonsenseqa"),
    ("c3", "CLUE_C3.CLUE_C3", "gen_8c358f ppl_e24a31", "C3", "c3", "c3/dev_0.json"),
    ("race-middle", "race.race", "ppl_5831a0 ppl_a138cd", "race", "race", "race"),
    ("lcsts", "lcsts.lcsts", "gen_8ee1fe", "lcsts", "lcsts", "lcsts"),
    (
        "eprstmt-dev",
        "FewCLUE_eprstmt.FewCLUE_eprstmt",
        "gen_740ea0 ppl_f1e631",
        "eprstmt",
        "eprstmt",
        "eprstmt/dev_few_all.json",
    ),
    ("lambada", "lambada.lambada", "gen_217e11", "lambada", "lambada", "lambada/test.jsonl"),
    (
        "hellaswag",
        "hellaswag.hellaswag",
        "ppl_47bff9 ppl_a6e128",
        "hellaswag",
        "hellaswag",
        "hellaswag/hellaswag.jsonl",
    ),
    ("siqa", "siqa.siqa", "ppl_e8d8c5 ppl_ced5f6 gen_18632c", "siqa", "siqa", "siqa"),
    ("math", "math.math", "gen_265cce", "math", "math", "math"),
    ("gsm8k", "gsm8k.gsm8k", "gen_1d7fe4", "gsm8k", "gsm8k", "gsm8k"),
]
PARSER = LMTemplateParser(None)


def completed(data: Path) -> None:
    """Splits that its readers want and nobody scores; what it keeps in another form (MATH in one file)."""
    for file in list((data / "ceval" / "val").iterdir()):
        copy(file, data / "ceval" / "test" / file.name.replace("_val", "_test"))
    for file in (data / "race" / "test").iterdir():
        copy(file, data / "race" / "validation" / file.name)
    copy(data / "siqa" / "dev.jsonl", data / "siqa" / "train.jsonl")
    copy(data / "siqa" / "dev-labels.lst", data / "siqa" / "train-labels.lst")
    copy(data / "gsm8k" / "test.jsonl", data / "gsm8k" / "train.jsonl")
    problems = sorted((data / "math" / "MATH" / "test").glob("*/*.json"), key=lambda file: file.stem.zfill(9))
    (data / "math" / "math.json").write_text(json.dumps({file.stem: json.loads(file.read_text()) for file in problems}))


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copy(source, target)


def made(part: dict):
    return part["type"](**{key: value for key, value in part.items() if key != "type"})


def prompts(described: dict, num: int) -> list[str]:
    """Digests, of the first `num` items. What picks neighbours by other models is given the first eight instead."""
    infer = described["infer_cfg"]
    data = {key: value for key, value in described.items() if key not in ("infer_cfg", "eval_cfg", "abbr")}
    templates = {name: made(infer[name]) for name in ("ice_template", "prompt_template") if name in infer}
    retriever = dict(infer["retriever"])
    if retriever["type"].__name__ == "MDLRetriever":
        retriever = {"type": FixKRetriever, "fix_id_list": list(range(8))}
    kind, arguments = retriever.pop("type"), retriever
    retriever = kind(made(data), **arguments)
    shots = retriever.retrieve()
    is_ppl = "PPL" in infer["inferencer"]["type"].__name__
    ask = labels_of if is_ppl else lambda *given: [asked(*given)]
    ice = templates.get("ice_template")
    return [
        digest(ask(retriever, n, retriever.generate_ice(shots[n], ice_template=ice), templates))
        for n in range(num)
        if n < len(shots)
    ]


def digest(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def labels_of(retriever, index: int, ice, templates: dict) -> list[str]:
    labels = retriever.get_labels(**templates)
    return [
        PARSER.parse_template(retriever.generate_label_prompt(index, ice, label, **templates), "ppl")
        for label in labels
    ]


def asked(retriever, index: int, ice, templates: dict) -> str:
    return PARSER.parse_template(retriever.generate_prompt_for_generate_task(index, ice, **templates), "gen")


def of_set(data: Path, num: int, task: str, file: str, config: str, variable: str, reader: str, place: str) -> dict:
    described = getattr(
        importlib.import_module(f"opencompass.configs.datasets.{file}_{config}"), f"{variable}_datasets"
    )
    module = importlib.import_module(f"opencompass.datasets.{reader}")
    where = str(data / place)
    module.get_data_path = lambda *_, **__: where
    found = {}
    for one in described:
        if one["abbr"] in ("race-high", "eprstmt-test") or not is_there(task, one, data):
            continue
        one = {
            **one,
            **({"path": where} if task == "c3" else {}),
            **({"data_files": where} if "data_files" in one else {}),
        }
        subset = f"{one['name']}/" if task in ("ceval", "cmmlu", "mmlu") else ""
        found |= {f"{subset}{index}": texts for index, texts in enumerate(prompts(one, num))}
    return found


def is_there(task: str, described: dict, data: Path) -> bool:
    files = {"ceval": "ceval/val/{}_val.csv", "cmmlu": "cmmlu/test/{}.csv", "mmlu": "mmlu/data/test/{}_test.csv"}
    return task not in files or (data / files[task].format(described["name"])).exists()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        data = Path(folder) / "data"
        shutil.copytree(sys.argv[1], data)
        completed(data)
        found = {
            f"{task}@{config}": of_set(data, int(sys.argv[2]), task, file, config, *rest)
            for task, file, configs, *rest in SETS
            for config in configs.split()
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
