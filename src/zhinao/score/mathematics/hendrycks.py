"""The comparison of the MATH benchmark as its authors made it (Hendrycks et al. 2021): normalised strings, nothing is computed.

And OpenCompass's second version of its post-processing, which finds the string. Both rules are facts of a protocol; the words are ours.
"""

import re

from zhinao.score.mathematics.extraction import closed_by

_GONE = ("\\!", "\\left", "\\right", "^{\\circ}", "^\\circ", "\\$", "\\%", "%")
_SENTENCE = re.compile(r"final answer|answer is", re.IGNORECASE)
_MOST = 20_000


def hendrycks_equal(a: str | None, b: str | None) -> bool:
    """Whether both are one string after the normalisation. None equals None only."""
    if a is None or b is None:
        return a is None and b is None
    return hendrycks_normal(a) == hendrycks_normal(b)


def hendrycks_normal(text: str) -> str:
    text = text[:_MOST].replace("\n", "").replace("\\\\", "\\").replace("tfrac", "frac").replace("dfrac", "frac")
    for gone in _GONE:
        text = text.replace(gone, "")
    text = text.split("\\text{ ")[0]  # units stand at the right
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    text = "0" + text if text.startswith(".") else text
    name, equals, value = text.partition("=")
    if equals and "=" not in value and len(name) <= 2:
        text = value
    text = re.sub(r"\\sqrt([^{\s\[])", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac([^{\\])([^{\\])", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\frac([^{\\])(?=\{)", r"\\frac{\1}", text)
    text = "\\frac{1}{2}" if text == "0.5" else text
    whole = re.fullmatch(r"(-?\d+)/(-?\d+)", text)
    return f"\\frac{{{whole[1]}}}{{{whole[2]}}}" if whole else text


def math_v2_answer(text: str) -> str:
    """OpenCompass's `math_postprocess_v2`: the last box, else the first sentence that says "final answer" or "answer is", else the first."""
    at = text.rfind("\\boxed{")
    boxed = closed_by(text, at + len("\\boxed")) if at >= 0 else None
    if boxed is not None:
        return boxed
    sentences = text.split(".")
    said = next((each for each in sentences if _SENTENCE.search(each)), sentences[0])
    return _final(said)


def _final(sentence: str) -> str:
    """What the sentence gives: after `answer is`, within dollars, without units in \\text{}."""
    rest = re.split(r"(?:answer is|final answer)[:\s]*", sentence, flags=re.IGNORECASE)[-1]
    formula = re.search(r"\$(.*?)\$", rest)
    rest = formula[1] if formula else rest
    rest = re.sub(r"\\text\{(.*?)\}", r"\1", rest)
    return rest.strip().removesuffix(".").strip()
