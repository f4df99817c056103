"""A configuration for OpenCompass with the same rows, for checking ours with the publisher's own tool.

It wants a checkpoint in the Qwen2 layout (`zhinao convert MODEL --to qwen2 OUT`), so that the tool needs no code of ours. Nothing is run
here, and OpenCompass need not be installed.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zhinao import outfile
from zhinao.errors import CheckpointError, UsageError
from zhinao.lang import tr


@dataclass(frozen=True)
class Row:
    """`file`: of the configuration, with {} for its name; `config`: the one that our task follows; `variable`: what it defines.

    `shown`: the line of the summary. `only`: of several data sets in the file, the one to run. `group`: whose mean it is.
    """

    file: str
    config: str
    variable: str
    shown: str
    only: str = ""
    group: str = ""


ROWS = {
    "ceval": Row("ceval.ceval_{}", "ppl_578f8d", "ceval", "ceval", group="ceval"),
    "mmlu": Row("mmlu.mmlu_{}", "ppl_ac766d", "mmlu", "mmlu", group="mmlu"),
    "cmmlu": Row("cmmlu.cmmlu_{}", "ppl_8b9c76", "cmmlu", "cmmlu", group="cmmlu"),
    "arc-c": Row("ARC_c.ARC_c_{}", "gen_1e0de5", "ARC_c", "ARC-c"),
    "arc-e": Row("ARC_e.ARC_e_{}", "gen_1e0de5", "ARC_e", "ARC-e"),
    "wic": Row("SuperGLUE_WiC.SuperGLUE_WiC_{}", "ppl_312de9", "WiC", "WiC"),
    "wsc": Row("SuperGLUE_WSC.SuperGLUE_WSC_{}", "ppl_003529", "WSC", "WSC"),
    "boolq": Row("SuperGLUE_BoolQ.SuperGLUE_BoolQ_{}", "ppl_314797", "BoolQ", "BoolQ"),
    "commonsense-qa": Row("commonsenseqa.commonsenseqa_{}", "ppl_5545e2", "commonsenseqa", "commonsense_qa"),
    "c3": Row("CLUE_C3.CLUE_C3_{}", "gen_8c358f", "C3", "C3"),
    "race-middle": Row("race.race_{}", "ppl_5831a0", "race", "race-middle", only="race-middle"),
    "race-high": Row("race.race_{}", "ppl_5831a0", "race", "race-high", only="race-high"),
    "lcsts": Row("lcsts.lcsts_{}", "gen_8ee1fe", "lcsts", "lcsts"),
    "eprstmt-dev": Row(
        "FewCLUE_eprstmt.FewCLUE_eprstmt_{}", "gen_740ea0", "eprstmt", "eprstmt-dev", only="eprstmt-dev"
    ),
    "lambada": Row("lambada.lambada_{}", "gen_217e11", "lambada", "lambada"),
    "hellaswag": Row("hellaswag.hellaswag_{}", "ppl_47bff9", "hellaswag", "hellaswag"),
    "siqa": Row("siqa.siqa_{}", "ppl_e8d8c5", "siqa", "siqa"),
    "bbh": Row("bbh.bbh_{}", "gen_5bf00b", "bbh", "bbh", group="bbh"),
    "humaneval": Row("humaneval.deprecated_humaneval_{}", "gen_a82cae", "humaneval", "openai_humaneval"),
    "mbpp": Row("mbpp.deprecated_mbpp_{}", "gen_1e1056", "mbpp", "mbpp"),
    "math": Row("math.math_{}", "gen_265cce", "math", "math"),
    "gsm8k": Row("gsm8k.gsm8k_{}", "gen_1d7fe4", "gsm8k", "gsm8k"),
}
# Configurations whose file is not called like the others of their set.
OTHER_FILES = {
    ("humaneval", "gen_8e312c"): "humaneval.humaneval_gen_8e312c",
    ("humaneval", "gen_dcae0e"): "humaneval.humaneval_openai_sample_evals_gen_dcae0e",
    ("mbpp", "gen_830460"): "mbpp.mbpp_gen_830460",
}
HEADER = '''"""Written by zhinao: the rows of its suite as OpenCompass measures them. Run: opencompass {file}"""

from mmengine.config import read_base
from opencompass.models import HuggingFaceBaseModel

with read_base():
'''
# float16 was the tool's default when the numbers were published; sampling, if the checkpoint's own settings ask for it, is put off.
MODEL = """
models = [
    dict(
        type=HuggingFaceBaseModel,
        abbr={abbr!r},
        path={path!r},
        model_kwargs=dict(torch_dtype='torch.bfloat16', device_map='auto'),
        generation_kwargs=dict(do_sample=False),
        max_seq_len={length},
        max_out_len=1024,
        batch_size=8,
        run_cfg=dict(num_gpus=1),
    )
]
"""


def write_opencompass(tasks: Iterable[str], model_folder: Path, file: Path) -> Path:
    """Write FILE for these tasks (NAME or NAME@VARIANT). Raises UsageError for a task that OpenCompass does not have so,
    CheckpointError where the folder is in the Zhinao layout, DiskError where FILE cannot be written."""
    outfile.write_text(file, configuration(tasks, model_folder, file.name))
    return file


def configuration(tasks: Iterable[str], model_folder: Path, name: str = "FILE.py") -> str:
    rows = [(task, *row_of(task)) for task in tasks]
    if not rows:
        raise UsageError(tr("No task is named.", "没有指定任务。"))
    return HEADER.format(file=name) + imports(rows) + data_sets(rows) + model(model_folder) + summary(rows)


def row_of(task: str) -> tuple[Row, str]:
    """The row and the file with its configuration."""
    name, _, variant = task.partition("@")
    row = ROWS.get(name)
    if row is None or (variant and not re.fullmatch("(ppl|gen)_[0-9a-f]{6}", variant)):
        raise UsageError(
            tr(f"OpenCompass has no configuration for {task}.", f"OpenCompass 没有 {task} 的配置。"), ", ".join(ROWS)
        )
    config = variant or row.config
    return row, OTHER_FILES.get((name, config), row.file.format(config))


def imports(rows: list[tuple[str, Row, str]]) -> str:
    wanted = {f"datasets.{file} import {row.variable}_datasets": None for _, row, file in rows}
    wanted |= {
        f"summarizers.groups.{row.group} import {row.group}_summary_groups": None for _, row, _ in rows if row.group
    }
    return "".join(f"    from opencompass.configs.{line}\n" for line in wanted)


def data_sets(rows: list[tuple[str, Row, str]]) -> str:
    lines = ["\ndatasets = []\n"]
    for _, row, _ in rows:
        chosen = (
            f"[d for d in {row.variable}_datasets if d['abbr'] == {row.only!r}]"
            if row.only
            else f"{row.variable}_datasets"
        )
        lines.append(f"datasets += {chosen}\n")
    return "".join(lines)


def model(folder: Path) -> str:
    config = folder / "config.json"
    try:
        raw = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(tr(f"{config} cannot be read: {error}", f"无法读取 {config}：{error}")) from error
    if raw.get("model_type") == "zhinao":
        raise CheckpointError(
            tr(
                f"{folder} is in the Zhinao layout; OpenCompass reads it in the Qwen2 layout.",
                f"{folder} 为 Zhinao 布局；OpenCompass 需要 Qwen2 布局。",
            ),
            f"zhinao convert {folder} --to qwen2 OUT",
        )
    length = raw.get("max_position_embeddings") or 32768
    return MODEL.format(abbr=folder.name, path=str(folder.absolute()), length=length)


def summary(rows: list[tuple[str, Row, str]]) -> str:
    """One line a row in order, and the means that the publisher's table has, where all of their rows are run."""
    from zhinao.evaluate.published import BASE, CHINESE_ROWS

    shown = {task.partition("@")[0]: row.shown for task, row, _ in rows}
    groups = [f"*{row.group}_summary_groups" for _, row, _ in rows if row.group]
    means = []
    for name, wanted in (("avg_zh", CHINESE_ROWS), ("avg_all", tuple(BASE.rows))):
        if all(task in shown for task in wanted):
            means.append(name)
            groups.append(repr({"name": name, "subsets": [shown[task] for task in wanted]}))
    lines = "".join(f"        {line!r},\n" for line in [*shown.values(), *means])
    kept = "".join(f"        {group},\n" for group in groups)
    return f"\nsummarizer = dict(\n    dataset_abbrs=[\n{lines}    ],\n    summary_groups=[\n{kept}    ],\n)\n"
