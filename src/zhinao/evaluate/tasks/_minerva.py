"""What of an answer in the style of Minerva's examples is compared: the last box, else a sentence that names the answer.

The rules are those of OpenCompass's `math_postprocess_v2` (and, before it, of the Minerva paper's appendix); the lists are data.
"""

import re

BEFORE_AFTER = (
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    ("\\$", ""),
    (r"\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (",\\text{and}", ","),
    ("\\text{and}", ","),
    ("\\text{m}", "\\text{}"),
    ("\\le", "<"),
)
REMOVED = (
    *[
        "square",
        "ways",
        "integers",
        "dollars",
        "mph",
        "inches",
        "ft",
        "hours",
        "km",
        "units",
        "\\ldots",
        "sue",
        "points",
        "feet",
        "minutes",
        "digits",
        "cents",
        "degrees",
    ],
    *[
        "cm",
        "gm",
        "pounds",
        "meters",
        "meals",
        "edges",
        "students",
        "childrentickets",
        "multiples",
        "\\text{s}",
        "\\text{.}",
    ],
    "\\text{\ns}",
    *["\\text{}^2", "\\text{}^3"],
    "\\text{\n}",
    *[r"\text{}", r"\mathrm{th}", r"^\circ", r"^{\circ}", r"\;", r",\!", r"{,}"],
    '"',
    "\\dots",
    "\n",
    "\r",
    "\f",
)
# What is taken out of its frame, all of them; then the last of each of these is all that is kept.
FRAMES = (r"\\text\{\((.*?)\)\}", r"\\text\{(.*?)\}", r"\\textbf\{(.*?)\}", r"\\overline\{(.*?)\}", r"\\boxed\{(.*)\}")
KEPT = (r"finalansweris(.*)", r"answer?is:?(.*)", r"oxed\{(.*?)\}", r"\$(.*?)\$")


def answer(output: str) -> str:
    from zhinao.score.mathematics import last_boxed

    boxed = last_boxed(output)
    if boxed:
        return boxed[1:-1] if re.fullmatch(r"\{.*\}", boxed) else boxed
    sentences = output.split(".")
    naming = (sentence for sentence in sentences if re.search("final answer|answer is", sentence.lower()))
    return normalized(next(naming, sentences[0]))


def normalized(text: str) -> str:
    for before, after in BEFORE_AFTER:
        text = text.replace(before, after)
    for removed in REMOVED:
        text = text.replace(removed, "")
    for frame in FRAMES:
        text = re.sub(frame, r"\1", text)
    for kept in KEPT:
        text = (re.findall(kept, text) or [text])[-1]
    return shorthand(text.strip())


def shorthand(text: str) -> str:
    r"""rac → \frac, \frac12 → \frac{1}{2}, \sqrt2 → \sqrt{2}, 100,000 → 100000."""
    if "rac" in text and "\\frac" not in text:
        text = text.replace("rac", "\\frac")
    text = re.sub(r"(frac)([^{])(.)", r"frac{\2}{\3}", text)
    text = re.sub(r"(sqrt)([^{])", r"sqrt{\2}", text).replace("$", "")
    digits = text.replace(",", "")
    return digits if digits.isdigit() else text
