"""What help and headings of `evaluate/` say in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "TASK[,TASK…] MODEL; or: show RUN, diff RUN RUN, list, fetch TASK": "任务[,任务…] 模型；或 show 运行目录、diff 运行目录 运行目录、list、fetch 任务",
    "folder with the benchmarks' files": "评测数据所在目录",
    "folder of the run (default: by task and model)": "运行目录（默认按任务与模型命名）",
    "so many items a task, the same in every run": "每个任务只取这么多题，每次都相同",
    "say items, tokens and time, and end": "只给出题数、token 数与时间",
    "print as JSON": "以 JSON 输出",
    "run code that the model wrote, in a sandbox": "允许在沙箱中运行模型写的代码",
    "asking": "提问",
    "draws an item, where a task draws (default: its own)": "采样类任务每题的采样数（默认由任务决定）",
    "most new tokens (default: the task's)": "最多生成的 token 数（默认由任务决定）",
    "of draws and of --limit (default: %(default)s)": "采样与 --limit 的随机种子（默认 %(default)s）",
    "ask this OpenAI-compatible server; several share the work": "向这个 OpenAI 兼容服务提问；可给出多个，分担工作",
    "server of the model that judges": "评审模型所在的服务",
    "its name there (default: the first)": "评审模型的名称（默认第一个）",
    "model": "模型",
    "engine (default: the fastest here)": "引擎（默认选本机最快的）",
    "weights' precision (default: as they are)": "权重精度（默认不量化）",
    "device: auto, cpu, cuda …": "设备：auto、cpu、cuda…",
    "threads of the engine": "引擎的线程数",
    "open no connection": "不访问网络",
    "huggingface or modelscope": "huggingface 或 modelscope",
    "task": "任务",
    "items": "题数",
    "mode": "方式",
    "protocol": "规程",
    "score": "得分",
    "95 %": "95 % 区间",
    "before": "之前",
    "after": "之后",
    "better": "变好",
    "worse": "变差",
    "verdict": "结论",
}
translated = dictionary(CHINESE)
