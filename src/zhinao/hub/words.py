"""What help and headings of `hub/` say in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "name as `zhinao models` lists it": "`zhinao models` 所列的名称",
    "do not ask": "不询问",
    "print JSON": "输出 JSON",
    "short name (`zhinao models` lists them), hub id, or GGUF file": "短名（见 `zhinao models`）、hub id 或 GGUF 文件",
    "hub to fetch from (default: by the environment, else huggingface)": "下载来源（默认看环境变量，否则 huggingface）",
    "branch, tag or commit on the hub": "hub 上的分支、标签或提交",
    "use no network, only check what is here": "不使用网络，只检查本机已有的模型",
}
translated = dictionary(CHINESE)
