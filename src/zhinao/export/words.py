"""What help and headings of `export/` say in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "folder, hub id or short name": "目录、hub id 或短名",
    "folder to write": "输出目录",
    "the layout to write": "目标格式",
    "compare weights, logits, greedy tokens and tokenizer with the source (default: as far as torch and memory allow)": "与源模型比较权重、logits、贪心生成与分词器（默认：在 torch 与内存允许的范围内）",
    "largest file, such as 500MB or 4GB (default: %(default)s)": "单个文件的上限，如 500MB、4GB（默认 %(default)s）",
    "replace OUT if it is a model folder": "若 OUT 是模型目录则替换",
    "where to fetch MODEL from": "从何处下载 MODEL",
    "branch, tag or commit of MODEL": "MODEL 的分支、标签或提交",
    "open no connection": "不联网",
}
translated = dictionary(CHINESE)
