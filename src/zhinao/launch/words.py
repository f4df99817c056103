"""What help and headings of `launch/` say in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "finetune, pretrain or prefer, or a file.py, and its own flags": "finetune、pretrain、prefer 或 file.py 及其参数",
    "machines, one `name slots=8` a line; only this machine in it: nothing is needed to reach it": "机器列表，每行 `名称 slots=8`；只有本机时无需 ssh",
    "machines (default: all of the hostfile)": "机器数（默认为 hostfile 全部）",
    "processes on each machine (default: its GPUs; one without)": "每台机器的进程数（默认为 GPU 数，无 GPU 时为 1）",
    "which machine this is, from 0": "本机是第几台（从 0 数起）",
    "where machine 0 is": "0 号机器的地址",
    "its port (default 29500; on one machine any that is free)": "端口（默认 29500；单机时自动选空闲端口）",
    "start only this machine's part": "只启动本机部分，在每台机器上各执行一次",
    "PROGRAM is a Python module, as `zhinao.train.sft`": "PROGRAM 为 Python 模块，如 `zhinao.train.sft`",
    "logs of the processes (default: logs/ in output_dir)": "日志目录（默认为 output_dir 下的 logs/）",
    "print what would be run, and leave": "只打印将要执行的命令",
}
translated = dictionary(CHINESE)
