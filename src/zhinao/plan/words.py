"""What help and headings of `plan/` say in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "plan": "规划",
    "how many of them (default 1)": "设备数（默认 1）",
    "speed of all devices together, where you know it (default: estimated)": "所有设备合计的速度，若您知道（默认估算）",
    "count tokens with this one's instead of the model's": "改用它的分词器计数",
    "run three steps on the heaviest batch on this machine, and correct the estimate": "在本机用最重的一批数据跑三步，并修正估算",
    "print JSON": "输出 JSON",
}
translated = dictionary(CHINESE)
