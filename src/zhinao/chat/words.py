"""What help and headings of `chat/` say in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "ask this, print the answer and leave; piped text is put after it": "直接提问并输出回答；管道内容附在其后",
    "system message": "系统消息",
    "close the thought after N tokens": "思考满 N 个 token 即结束思考",
    "one answer: print the thought too, on stderr": "单次回答时也把思考输出到 stderr",
    "model": "模型",
    "sampling (default: the checkpoint's)": "采样（默认按模型自带设置）",
    "engine (default: the fastest here)": "引擎（默认选本机最快的）",
    "weights' precision: bf16, int8 …": "权重精度：bf16、int8 等",
    "device: auto, cpu, cuda …": "设备：auto、cpu、cuda 等",
    "threads of the engine": "引擎线程数",
    "open no connection": "不访问网络",
    "huggingface or modelscope": "huggingface 或 modelscope",
    "settings in YAML, named as the flags with _ for -": "YAML 配置文件，键名同各选项（- 改为 _）",
    "end before this text (may be given again)": "遇到此文本即停止（可多次给出）",
    "folder, GGUF file, hub id or short name": "目录、GGUF 文件、hub 名称或短名",
    "what to continue (default: what is piped in)": "要续写的文本（默认读取管道输入）",
    "continue the text of FILE": "续写文件中的文本",
    "each line is a prompt of its own (needs --json)": "每行各为一个提示（需要 --json）",
    "write here, whole or not at all; - is stdout": "写入文件，要么完整，要么不写；- 为标准输出",
    "one JSON object a line: prompt, text, ids, finish_reason, usage, seed": "每行一个 JSON 对象：prompt、text、ids、finish_reason、usage、seed",
    "with --json: log-likelihood of each token": "与 --json 合用：每个 token 的对数似然",
    "answers for each prompt, with seeds S, S+1 …": "每个提示的续写数，种子依次为 S、S+1 …",
}
translated = dictionary(CHINESE)
