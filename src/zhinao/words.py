"""What help and headings of the command itself say in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "Chat, serve, fine-tune and export the 360Zhinao3 models.": "360智脑3 系列模型的对话、服务、微调与导出。",
    "show the version and exit": "显示版本并退出",
    "VERB": "命令",
    "verbs": "命令",
    "print as JSON": "以 JSON 输出",
    "language of help and messages (default: by locale)": "界面语言（默认按系统区域设置）",
    "show this help and exit": "显示帮助并退出",
}
translated = dictionary(CHINESE)
