"""argparse in two languages: a parser that raises our errors, suggests the flag that was meant, and titles its help."""

import argparse
import importlib
import re
import sys

from zhinao.errors import UsageError
from zhinao.lang import current, tr
from zhinao.near import near
from zhinao.words import translated

# argparse's own English sentences (CPython 3.11 to 3.14) and what they say in Chinese.
_SENTENCES = (
    (r"unrecognized arguments: (.*)", r"无法识别的参数：\1"),
    (r"the following arguments are required: (.*)", r"缺少参数：\1"),
    (r"argument (.*?): expected one argument", r"参数 \1：需要一个值"),
    (r"argument (.*?): expected at least one argument", r"参数 \1：至少需要一个值"),
    (r"argument (.*?): invalid choice: (.*) \(choose from (.*)\)", r"参数 \1：不能取 \2，可选：\3"),
    (r"argument (.*?): invalid int value: (.*)", r"参数 \1：\2 不是整数"),
    (r"argument (.*?): invalid float value: (.*)", r"参数 \1：\2 不是数"),
    (r"argument (.*?): invalid (\w+) value: (.*)", r"参数 \1：\3 不是有效的 \2"),
    (r"argument (.*?): not allowed with argument (.*)", r"参数 \1 不能与 \2 同用"),
)


_FLAG = re.compile(r"--?[A-Za-z][\w-]*(=.*)?", re.DOTALL)  # what may be meant as one; "-1+1=?" may not
_HEADING = re.compile(r"^(\S*[\u3400-\u9fff].*):((?:\x1b\[\d+m)*)$", re.MULTILINE)  # of a group of arguments
_TEXT = "\0"  # before a word behind `--`; no argument of a process can hold it


class _Formatter(argparse.HelpFormatter):
    """Lists verbs right under their heading, which says already what they are."""

    def _format_action(self, action):
        if isinstance(action, argparse._SubParsersAction):
            return "".join(map(self._format_action, action._get_subactions()))
        return super()._format_action(action)


class Parser(argparse.ArgumentParser):
    """Its errors are UsageError; flags are never abbreviated, so a later version can add flags safely.

    A word that begins with `-` but cannot be a flag (`-1+1=?`, `-`, `---`) is a word like any other, and so is every word behind `--`.
    """

    def __init__(self, **settings):
        super().__init__(**{"allow_abbrev": False, "add_help": False, "formatter_class": _Formatter, **settings})
        self._positionals.title = tr("arguments", "参数")
        self._optionals.title = tr("options", "选项")
        self.add_argument("-h", "--help", action="help", help=translated("show this help and exit"))

    def parse_known_args(self, args=None, namespace=None):
        args = list(sys.argv[1:] if args is None else args)
        if "--" in args and not self._passes_on(args):
            end = args.index("--")
            args = [*args[:end], *(_TEXT + word for word in args[end + 1 :])]
        return super().parse_known_args(args, namespace)

    def _passes_on(self, args: list[str]) -> bool:
        """Whether words go to another program as they are, `--` among them."""
        inner = inner_parsers(self)
        verb = next((inner[word] for word in args if word in inner), self)
        return any(action.nargs == argparse.REMAINDER for action in verb._actions)

    def _parse_optional(self, arg_string):
        is_short = not arg_string.startswith("--") and arg_string[:2] in self._option_string_actions  # as `-n5`
        return super()._parse_optional(arg_string) if is_short or _FLAG.fullmatch(arg_string) else None

    def _get_value(self, action, arg_string):
        is_for_a_verb = action.nargs in (argparse.PARSER, argparse.REMAINDER)  # which reads it once more
        return super()._get_value(action, arg_string if is_for_a_verb else arg_string.removeprefix(_TEXT))

    def _print_message(self, message, file=None):
        """argparse would pass over a pipe that nobody reads."""
        print(message or "", end="", file=file or sys.stderr)

    def format_help(self) -> str:
        text = super().format_help().replace("usage: ", tr("usage: ", "用法："), 1)
        return _HEADING.sub(r"\1：\2", text) if current() == "zh" else text

    def take_rest(self, args: argparse.Namespace, words: list[str]) -> None:
        """Give words that stand after flags to the positional that takes many; argparse closes it at the first flag.

        A verb that passes flags on (it has set `rest`) gets them as they are; one with verbs of its own hands them to the chosen
        one. Raises UsageError for flags otherwise, and where no positional takes many.
        """
        texts = [word.removeprefix(_TEXT) for word in words]
        if hasattr(args, "rest"):
            args.rest = texts
            return
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and getattr(args, action.dest, None) is not None:
                return action.choices[getattr(args, action.dest)].take_rest(args, words)
        many = [action.dest for action in self._actions if not action.option_strings and action.nargs in ("*", "+")]
        flags = list(filter(_FLAG.fullmatch, words))  # the fault is theirs; a text beside them may be a good one
        if not many or flags:
            self.error(f"unrecognized arguments: {' '.join(flags or texts)}")
        setattr(args, many[-1], [*(getattr(args, many[-1]) or []), *texts])

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
        close = near(unknown[1], map(str, known)) if unknown else []
        return tr(f" Did you mean {close[0]}?", f" 是否想输入 {close[0]}？") if close else ""

    @staticmethod
    def _translate(message: str) -> str:
        if current() == "zh":
            for english, chinese in _SENTENCES:
                if re.fullmatch(english, message, re.S):
                    return re.sub(english, chinese, message, flags=re.S)
        return message


def add_language(parser: argparse.ArgumentParser) -> None:
    """`--lang`, which every verb takes. It is read before parsing (`cli.py`), since help must already speak it."""
    parser.add_argument(
        "--lang",
        choices=("en", "zh"),
        default=argparse.SUPPRESS,
        help=translated("language of help and messages (default: by locale)"),
    )


class VerbParser(Parser):
    """The parser of a verb inside a verb: it imports its module (`add_arguments`, `run`) when it is used, not before."""

    def __init__(self, *, module: str | None = None, **settings):
        super().__init__(**settings)
        self._module = module

    def parse_known_args(self, *given, **named):
        self.fill()
        return super().parse_known_args(*given, **named)

    def format_help(self) -> str:
        self.fill()
        return super().format_help()

    def fill(self) -> None:
        """Add the module's arguments, once."""
        if self._module:
            module, self._module = importlib.import_module(self._module), None
            add_language(self)
            module.add_arguments(self)
            self.set_defaults(run=module.run)


def add_verbs(parser: Parser, verbs: dict[str, tuple[str, str, str]]) -> None:
    """Verbs inside a verb, as `zhinao data check`: name -> module, English and Chinese summary. `args.run` is the chosen one's."""
    inner = parser.add_subparsers(
        dest="inner_verb",
        metavar=translated("VERB"),
        parser_class=VerbParser,
        title=translated("verbs"),
        required=True,
    )
    for name, (module, english, chinese) in verbs.items():
        inner.add_parser(name, module=module, help=tr(english, chinese), description=tr(english, chinese))


def inner_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the verbs inside a verb, by name; `{}` where it has none."""
    inner = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return next((dict(action.choices) for action in inner), {})
