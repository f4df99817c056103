"""Whether a completion keeps to the language of its question: a Chinese question is thought about and answered in Chinese.

Counted are letters of words, so formulas, numbers and code weigh little.
"""

import re

_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_WORD = re.compile(r"[A-Za-z]{3,}")  # x, dx and units are no language
_NO_WORDS = re.compile(r"</?think>|\\[A-Za-z]+|`[^`]*`|\$[^$]*\$")
_LETTERS_A_WORD = 2  # Chinese characters that say about as much as an English word
_IN_CHINESE = 0.2  # share from which a question counts as Chinese: formulas and names are often Latin


def language(prompt: str, completion: str, gold: str = "", *, is_thought_open: bool = False) -> float:
    """The share of the completion's words (the thought's and the answer's alike) in the prompt's language; 1.0 where it has no words."""
    chinese, english = _amounts(completion)
    if not chinese + english:
        return 1.0
    share = chinese / (chinese + english)
    return share if is_chinese(prompt) else 1 - share


def is_chinese(text: str) -> bool:
    chinese, english = _amounts(text)
    return chinese > 0 and chinese / (chinese + english) >= _IN_CHINESE


def _amounts(text: str) -> tuple[float, float]:
    """Words in Chinese and in English."""
    plain = _NO_WORDS.sub(" ", text)
    return len(_CHINESE.findall(plain)) / _LETTERS_A_WORD, float(len(_WORD.findall(plain)))
