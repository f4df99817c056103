"""argparse in two languages: a parser that raises our errors, suggests the flag that was meant, and titles its help."""

import argparse
import difflib
import re

from zhinao.errors import UsageError
from zhinao.lang import current, tr

# argparse's own English sentences (CPython 3.11 to 3.14) and what they say in Chinese.
_SENTENCES = (
    (r"unrecognized arguments: (.*)", r"无法识别的参数：\1"),
    (r"the following arguments are required: (.*)", r"缺少参数：\1"),
    (r"argument (.*?): expected one argument", r"参数 \1：需要一个值"),
    (r"argument (.*?): expected at least one argument", r"参数 \1：至少需要一个值"),
    (r"argument (.*?): invalid choice: (.*) \(choose from (.*)\)", r"参数 \1：不能取 \2，可选：\3"),
    (r"argument (.*?): invalid (\w+) value: (.*)", r"参数 \1：\3 不是有效的 \2"),
    (r"argument (.*?): not allowed with argument (.*)", r"参数 \1 不能与 \2 同用"),
)


class Parser(argparse.ArgumentParser):
    """Its errors are UsageError; flags are never abbreviated, so a later version can add flags safely."""

    def __init__(self, **settings):
        super().__init__(**{"allow_abbrev": False, "add_help": False, **settings})
        self._positionals.title = tr("arguments", "参数")
        self._optionals.title = tr("options", "选项")
        self.add_argument("-h", "--help", action="help", help=tr("show this help and exit", "显示帮助并退出"))

    def format_help(self) -> str:
        return super().format_help().replace("usage: ", tr("usage: ", "用法："), 1)

    def take_rest(self, args: argparse.Namespace, words: list[str]) -> None:
        """Give words that stand after flags to the positional that takes many; argparse closes it at the first flag.

        A verb that passes flags on (it has set `rest`) gets them as they are. Raises UsageError for flags otherwise, and where
        no positional takes many.
        """
        if hasattr(args, "rest"):
            args.rest = words
            return
        many = [action.dest for action in self._actions if not action.option_strings and action.nargs == "*"]
        if not many or any(word.startswith("-") for word in words):
            self.error(f"unrecognized arguments: {' '.join(words)}")
        setattr(args, many[-1], [*(getattr(args, many[-1]) or []), *words])

    def error(self, message: str):
        raise UsageError(
            self._translate(message) + self._suggest(message),
            tr(f"`{self.prog} --help` shows what there is", f"用 `{self.prog} --help` 查看用法"),
        )

    def _suggest(self, message: str) -> str:
        unknown = re.search(r"unrecognized arguments: .*?(--[\w-]+)", message) or re.search(
            r"invalid choice: '(.*?)'", message
        )
        known = [*self._option_string_actions, *(c for a in self._actions for c in (a.choices or ()))]
        close = difflib.get_close_matches(unknown[1], [str(k) for k in known], n=1) if unknown else []
        return tr(f" Did you mean {close[0]}?", f" 是否想输入 {close[0]}？") if close else ""

    @staticmethod
    def _translate(message: str) -> str:
        if current() == "zh":
            for english, chinese in _SENTENCES:
                if re.fullmatch(english, message, re.S):
                    return re.sub(english, chinese, message, flags=re.S)
        return message
