"""Where the benchmarks' files lie for everybody: addresses at a commit, and the place of each in the folder. Data; fetches nothing.

What is not here has no place from which it can be had in the layout of the original, and is given with --data.
"""

import os
from dataclasses import dataclass

GITHUB = "https://raw.githubusercontent.com"
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Source:
    """`repository` at `commit`; `files`: path there -> path in the folder; one that ends in .zip is unpacked there.

    `is_hub`: a data set of the Hugging Face hub (HF_ENDPOINT names a mirror), else a repository of GitHub. `licence`: as its
    makers say it.
    """

    repository: str
    commit: str
    files: dict[str, str]
    licence: str
    is_hub: bool = False

    def address(self, path: str) -> str:
        if self.is_hub:
            host = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
            return f"{host}/datasets/{self.repository}/resolve/{self.commit}/{path}"
        return f"{GITHUB}/{self.repository}/{self.commit}/{path}"


_LIGHT, _LIGHT_AT = "Qihoo360/Light-R1", "48c9083b9ca5ae3cecc2a3b7fb82572045447eb0"
_SUITE, _SUITE_AT = "FormulaMonks/llm-benchmarker-suite", "5d3c8009ab8f5adab4899c34dd203cbf7afcb372"
_FACTORY, _FACTORY_AT = "hiyouga/LLaMA-Factory", "65ea7a0d7c37e82f0b46f3808ec336604f18a5e9"
_TEST = "deepscaler-release/deepscaler/data/test"
_BBH = [
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
    "word_sorting",
]


def _same(folder: str, *names: str) -> dict[str, str]:
    return {f"{folder}/{name}": name for name in names}


SOURCES: dict[str, Source] = {
    "aime24": Source(_LIGHT, _LIGHT_AT, _same(_TEST, "aime.json"), "MIT; problems by MAA"),
    "aime25": Source(_LIGHT, _LIGHT_AT, _same(_TEST, "aime25.json"), "MIT; problems by MAA"),
    "arc": Source(
        _SUITE,
        _SUITE_AT,
        _same(
            "data/ARC",
            "ARC-c/ARC-Challenge-Dev.jsonl",
            "ARC-c/ARC-Challenge-Test.jsonl",
            "ARC-e/ARC-Easy-Dev.jsonl",
            "ARC-e/ARC-Easy-Test.jsonl",
        ),
        "CC BY-SA 4.0",
    ),
    "bbh": Source(
        "suzgunmirac/BIG-Bench-Hard",
        "9ee07bd481feebf959a6b59d61ea57bdcf30964d",
        {path: path for name in _BBH for path in (f"bbh/{name}.json", f"cot-prompts/{name}.txt")},
        "MIT",
    ),
    "boolq": Source(_SUITE, _SUITE_AT, _same("data/SuperGLUE/BoolQ", "val.jsonl"), "CC BY-SA 3.0"),
    "c3": Source(
        _SUITE, _SUITE_AT, {"data/CLUE/C3/dev_0.json": "CLUE-C3/dev_0.json"}, "non-commercial research purpose only"
    ),
    "ceval": Source(_FACTORY, _FACTORY_AT, {"evaluation/ceval/ceval.zip": "ceval.zip"}, "CC BY-NC-SA 4.0"),
    "cfbench": Source(
        "PKU-Baichuan-MLSystemLab/CFBench",
        "0bcbf9b0bcf21113a9813f86ed51a2135b328e41",
        _same("data", "cfbench_data.json"),
        "none stated",
    ),
    "commonsenseqa": Source(
        "kojima-takeshi188/zero_shot_cot",
        "5ef330fcdeec0cd26aee27943504f91f8ec1c33c",
        _same("dataset/CommonsenseQA", "dev_rand_split.jsonl", "train_rand_split.jsonl"),
        "MIT",
    ),
    "eprstmt": Source(
        _SUITE, _SUITE_AT, _same("data/FewCLUE/eprstmt", "dev_few_all.json"), "see CLUEbenchmark/FewCLUE"
    ),
    "gpqa": Source(
        "Idavidrein/gpqa", "main", {"gpqa_diamond.csv": "gpqa_diamond.csv"}, "CC BY 4.0, gated", is_hub=True
    ),
    "gsm8k": Source(
        "openai/grade-school-math",
        "3101c7d5072418e28b9008a6636bde82a006892c",
        _same("grade_school_math/data", "train.jsonl", "test.jsonl"),
        "MIT",
    ),
    "ifeval": Source(
        "zhiwenliang/model_evaluation",
        "2d4ce8fedc000b98b882f9ba351a10aec8afc7be",
        _same("data/ifeval", "input_data.jsonl"),
        "Apache-2.0",
    ),
    "lcsts": Source(
        _SUITE, _SUITE_AT, _same("data/LCSTS", "test.src.txt", "test.tgt.txt"), "given out for research on application"
    ),
    "mbpp": Source(_SUITE, _SUITE_AT, _same("data/mbpp", "mbpp.jsonl"), "CC BY 4.0"),
    "mmlu": Source(_FACTORY, _FACTORY_AT, {"evaluation/mmlu/mmlu.zip": "mmlu.zip"}, "MIT"),
    "mt_bench": Source(
        "lm-sys/FastChat",
        "0e6d3e4beaab66f4d3f93db72541a4abab8af28d",
        {
            "fastchat/llm_judge/data/judge_prompts.jsonl": "judge_prompts.jsonl",
            "fastchat/llm_judge/data/mt_bench/question.jsonl": "question.jsonl",
            "fastchat/llm_judge/data/mt_bench/reference_answer/gpt-4.jsonl": "reference_answer/gpt-4.jsonl",
        },
        "Apache-2.0",
    ),
    "wic": Source(_SUITE, _SUITE_AT, _same("data/SuperGLUE/WiC", "val.jsonl"), "CC BY-NC 4.0"),
    "wsc": Source(_SUITE, _SUITE_AT, _same("data/SuperGLUE/WSC", "val.jsonl"), "CC BY 4.0"),
}
