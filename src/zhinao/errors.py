"""The tree of errors that a user can meet. Each is a sentence, the place, and where possible the next command.

The command prints `str(error)` and leaves with `exit_code`; it never prints a traceback for these.
Programming mistakes stay ordinary Python exceptions.
"""

from zhinao.lang import said


class ZhinaoError(Exception):
    """Base of all user-facing errors. `hint` names what to do next."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        message = said(self.message)
        return f"{message}\n  → {said(self.hint)}" if self.hint else message


class UsageError(ZhinaoError):
    """A flag, an argument, a setting or a request value that cannot be meant."""

    exit_code = 2


class MissingExtraError(ZhinaoError):
    """A feature whose packages are not installed; the hint is the exact install line."""

    exit_code = 3

    def __init__(self, what: str, extra: str):
        from zhinao.lang import tr

        super().__init__(
            tr(f"{what} is not installed.", f"没有安装 {what}。"),
            f"pip install 'zhinao[{extra}]'",
        )


class ModelNotFoundError(ZhinaoError):
    """No model of that name, in that folder or on that hub."""

    exit_code = 4


class CheckpointError(ZhinaoError):
    """Files of a model that are damaged, incomplete, or not of a kind that can be loaded."""

    exit_code = 5


class DownloadError(ZhinaoError):
    """Weights could not be fetched: no network, wrong hash, refused by the hub."""

    exit_code = 6


class DiskError(ZhinaoError):
    """Not enough room, or a place that cannot be written."""

    exit_code = 7


class ContextLengthError(UsageError):
    """A prompt longer than the model's context or the cache. Nothing is cut silently."""

    def __init__(self, num_prompt_tokens: int | None, num_context_tokens: int, is_counted=True, num_chars: int = 0):
        """`is_counted`: the whole prompt was; else counting stopped where it was over. Without `num_prompt_tokens` it is the
        characters that are too many."""
        from zhinao.lang import tr

        self.num_prompt_tokens = num_prompt_tokens
        self.num_context_tokens, self.is_counted = num_context_tokens, is_counted
        english, chinese = ("", "") if is_counted else ("more than ", "超过 ")
        counted = (
            f"The prompt has {english}{num_prompt_tokens} tokens; the model's context holds {num_context_tokens}.",
            f"提示有{chinese or ' '}{num_prompt_tokens} 个 token，而模型的上下文只有 {num_context_tokens} 个。",
        )
        long = (
            f"A text of {num_chars} characters is too long for the model's context of {num_context_tokens} tokens.",
            f"{num_chars} 个字符的文本超出模型 {num_context_tokens} 个 token 的上下文。",
        )
        super().__init__(
            tr(*(long if num_prompt_tokens is None else counted)),
            tr("shorten it, or drop earlier turns", "请缩短提示，或去掉较早的轮次"),
        )


class EngineError(ZhinaoError):
    """The engine failed or was restarted while a request was running."""

    exit_code = 8


class SlowGrammarError(EngineError):
    """An answer was ended because following its grammar had made the engine slow for everybody."""

    def __init__(self):
        from zhinao.lang import tr

        super().__init__(
            tr(
                "The answer was ended: following its form had become too slow.",
                "回答已被终止：跟随其约束格式变得过慢。",
            ),
            tr(
                "a simpler schema, pattern or grammar; or a smaller max_tokens",
                "请简化 schema、正则或语法，或减小 max_tokens",
            ),
        )


class ProofError(ZhinaoError):
    """A conversion whose proof found a difference."""

    exit_code = 9
