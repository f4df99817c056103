"""What an output answers. Looks for the place only; what stands there is read in `reading`.

The rules, in order:
1. Only what follows the last `</think>` counts. A `<think>` that is never closed, or (`thinking=True`, where the prompt has opened
   the thought) no `</think>` at all: no answer, whatever the thought has boxed.
2. The last `\\boxed{}` (`\\fbox{}`) counts, of nested ones the innermost. One that is not closed was cut off: no answer.
3. Without a box, what follows the last "答案是", "the answer is", "Answer:" or "####", to the end of its sentence.
4. Nothing else: the last number of a text is not an answer.
"""

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)|\\boxed\s+(?=[^\s{])")
_SAID = re.compile(
    r"(?:(?:最终|正确|最后的?)?(?:答案|结果)(?:应该|应当|应|就|便)?(?:是|为|等于|[:：])(?:\s*[:：])?"
    r"|(?i:\b(?:final\s+)?answer\s*(?:\*\*)?\s*(?:is|=|:|：|would be|must be)\s*:?)|####)\s*"
)
_SENTENCE_END = re.compile(r"\n|[。！？；]|(?<!\d)\.(?:\s|$)|\.(?=\s|$)|, (?:so|because|since|which)\b|，(?:因为|所以)")
_MOST = 200_000  # characters at the end of an output that are looked at


def after_thought(text: str, thinking: bool = False) -> str | None:
    """What follows the last `</think>`; None where the thought never ended."""
    _, closed, answer = text.rpartition("</think>")
    if not closed and (thinking or "<think>" in answer):
        return None
    return None if "<think>" in answer else answer


def last_boxed(text: str, thinking: bool = False) -> str | None:
    """The content of the last box after the thought; "" where it is empty, None where there is none or it was cut off."""
    answer = after_thought(text, thinking)
    return None if answer is None else _last_box(answer[-_MOST:])


def final_answer(text: str, thinking: bool = False) -> tuple[str | None, str]:
    """(answer, how it was found: "boxed", "said", or why there is none: "cut off in the thought", "cut off in the box", "none")."""
    answer = after_thought(text, thinking)
    if answer is None:
        return None, "cut off in the thought"
    answer = answer[-_MOST:]
    if _BOX.search(answer):
        boxed = _last_box(answer)
        return (boxed, "boxed") if boxed is not None else (None, "cut off in the box")
    said = _last_said(answer)
    return (said, "said") if said else (None, "none")


def _last_box(text: str) -> str | None:
    found = (None, *_BOX.finditer(text))[-1]
    if found is None:
        return None
    start = found.end()
    if text[start] != "{":  # \boxed 5
        return text[start:].split(maxsplit=1)[0].rstrip("$.。")
    return closed_by(text, start)


def closed_by(text: str, start: int) -> str | None:
    """What stands between the brace at `start` and the one that closes it; escaped braces are text."""
    depth, at = 0, start
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 2
            continue
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return text[start + 1 : at].strip()
        at += 1
    return None


def _last_said(text: str) -> str | None:
    found = (None, *_SAID.finditer(text))[-1]
    if found is None:
        return None
    rest = text[found.end() :].lstrip(" *:：").lstrip()
    if rest.startswith(("$", "\\(")):  # a formula ends where it is closed
        inner = re.match(r"\$\$?(.+?)\$\$?|\\\((.+?)\\\)", rest, re.DOTALL)
        unit = re.match(r"[^\n。，,.;；]{0,12}", rest[inner.end() :]) if inner else None
        return rest[: inner.end()] + (unit[0] if unit else "") if inner else None
    end = _SENTENCE_END.search(rest)
    return (rest[: end.start()] if end else rest[:300]).strip(" *。.") or None
