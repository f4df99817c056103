"""What help and headings of `reason/` say in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "training data: files, folders or globs": "训练数据：文件、目录或通配符",
    "tasks of `zhinao eval`, files or folders of texts (default: every task whose files are there)": "`zhinao eval` 的任务，或文本文件、目录（默认：所有已有数据的任务）",
    "folder with the benchmarks' files": "评测数据所在目录",
    "report to write (.json); a page (.html) is written beside it": "报告文件（.json），同时在旁边写出网页（.html）",
    "write what is no benchmark's here, as it came": "把不属于评测的数据原样写到这里",
    "share of a question's n-grams that makes a prompt that question (default: %(default)s)": "提问含有题目多大比例的 n-gram 即视为同题（默认 %(default)s）",
    "format of the data, where it is ambiguous": "数据格式（有歧义时指定）",
    "replace what is there": "覆盖已有文件",
    "training prompts that are benchmark questions": "与评测题目重合的训练数据",
    "benchmark": "评测",
    "questions": "题数",
    "exact": "完全相同",
    "but for numbers": "仅数字不同",
    "n-grams": "n-gram 重合",
}
translated = dictionary(CHINESE)
