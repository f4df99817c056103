"""A second verifier, by numbers alone: both answers are computed as floats at drawn values of their letters and compared.

It shares no code with `score/mathematics` so that the two can disagree. What it cannot read it does not judge. Never evaluates text as
Python: an expression is parsed and walked, with bounds on powers.
"""

import ast
import cmath
import random
import re
import unicodedata

_TOLERANCE = 5e-7  # six decimals, rounded
_DRAWS = 4
_MOST = 300  # characters of an answer
_LARGEST = 60  # exponent
_UNITS = (
    "平方厘米|平方米|平方公里|立方厘米|立方米|千米|公里|厘米|毫米|分米|公斤|千克|小时|分钟|公顷|米|克|吨|升|元|角|个|只|头|条|棵|本|人|次|"
    "岁|天|年|月|秒|分|度|块|支|枝|张|辆|件|道|种|位|名|页|组|倍"
)
_MULTIPLES = {"万": 10**4, "亿": 10**8, "千": 10**3, "百": 10**2}
_TEXT = re.compile(r"\\(?:text|mathrm|mbox|operatorname)\s*\{[^{}]*\}(?:\s*\^\s*\{?[23]\}?)?")
_FUNCTIONS = {
    "sqrt": cmath.sqrt,
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "ln": cmath.log,
    "log": cmath.log,
}
_NAMES = {"pi": cmath.pi, "e": cmath.e, "i": 1j}
_BOX = r"\boxed{"


def verdict(gold: str, output: str, is_thought_open: bool = False) -> bool | None:
    """Whether the last box behind the thought holds what `gold` is; False where the thought never ends, None where it cannot tell."""
    _, closed, rest = output.rpartition("</think>")
    if "<think>" in rest or (is_thought_open and not closed):
        return False
    answer = last_box(rest)
    return None if answer is None else equal(gold, answer)


def last_box(text: str) -> str | None:
    """What the last box holds; None where there is none, or it is cut off."""
    start = text.rfind(_BOX)
    if start < 0:
        return None
    depth, begin = 1, start + len(_BOX)
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[begin:place]
    return None


def equal(one: str, other: str) -> bool | None:
    trees, units = (tree(one), tree(other)), (_unit(one), _unit(other))
    if None in trees or (all(units) and units[0] != units[1]):  # what an hour is in minutes is not known here
        return None
    same = _same(trees)
    return None if same is False and ("%" in one) != ("%" in other) else same  # 50% beside 50


def _same(trees: tuple[ast.expr, ...]) -> bool | None:
    if all(isinstance(each, ast.Constant) and type(each.value) is int for each in trees):
        return trees[0].value == trees[1].value  # pyright: ignore
    names = sorted(set().union(*map(_letters, trees)))
    draw, told = random.Random(7), False
    for _ in range(_DRAWS):
        values = _NAMES | {name: draw.uniform(0.5, 2.5) for name in names}
        try:
            a, b = (_value(each, values) for each in trees)
        except (ValueError, ZeroDivisionError, OverflowError, RecursionError):
            continue
        told = True
        if abs(a - b) > _TOLERANCE * max(1.0, abs(a), abs(b)):
            return False
    return True if told else None


def tree(text: str) -> ast.expr | None:
    """The answer as an expression; None for text, lists, intervals and whatever else is no single number or formula."""
    plain = _plain(text)
    if plain is None:
        return None
    try:
        found = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return None if any(len(name) > 1 for name in _letters(found)) else found  # words are no formula


def _letters(found: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(found) if isinstance(node, ast.Name)} - _NAMES.keys() - _FUNCTIONS.keys()


def _plain(text: str) -> str | None:
    """LaTeX, Chinese numbers' multiples and units as an expression in Python's signs."""
    if len(text) > _MOST:
        return None
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda found: f"^({unicodedata.normalize('NFKC', found[0])})", text)
    text = unicodedata.normalize("NFKC", text).replace("\\$", "").strip("$ ").rstrip(".。 ")
    text = _TEXT.sub("", text)
    text = re.sub(
        r"\\(?:left|right|,|;|!|:|displaystyle|quad)(?![a-z])|[¥€$]",
        "",
        text,
    )
    text = re.sub(r"^[a-z]\s*=(?!=)", "", text.replace("\\ ", ""))
    text = text.replace("\\%", "%").replace("^\\circ", "").replace("°", "").replace("{,}", ",")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(rf"(?<=[\d万亿千百}})])\s*(?:{_UNITS})$", "", text.strip())
    text = re.sub(r"([万亿千百])$", lambda found: f"*{_MULTIPLES[found[1]]}", text)
    text = re.sub(r"(?<![\w.])(\d+)\s*(\\[dt]?frac\s*\{\d+\}\s*\{\d+\})", r"(\1+\2)", text)  # a mixed number
    for _ in range(5):
        text = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))", text)
        text = re.sub(r"\\sqrt\s*\{([^{}]*)\}", r"sqrt(\1)", text)
        text = re.sub(r"\^\s*\{([^{}]*)\}", r"^(\1)", text)
    text = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)", r"(\1/\2)", text)
    text = re.sub(r"\\(?:times|cdot)(?![a-z])|×", "*", text).replace("÷", "/").replace("−", "-").replace("^", "**")
    text = re.sub(r"\\(pi|sin|cos|tan|ln|log)(?![a-z])", r" \1", text).replace("π", "pi").replace("%", "/100")
    text = _products(text)
    return text if text and re.fullmatch(r"[\w\s+\-*/().]+", text, re.ASCII) else None


def _unit(text: str) -> str:
    found = _TEXT.search(text) or re.search(rf"(?:{_UNITS})$", text.strip(" $.。")) or re.search("℃|°|circ", text)
    return re.sub(r"\\[a-z]+|[\s{}]", "", found[0]) if found else ""


def _products(text: str) -> str:
    """2x, 3(x+1), 2 sqrt(3): the sign that mathematics leaves out."""
    text = re.sub(r"(\d|\))\s*(?=[A-Za-z(])", r"\1*", text)
    return re.sub(r"(?<![A-Za-z])([a-z])\s*(?=\()", r"\1*", text).strip()


def _value(node: ast.expr, values: dict) -> complex:
    """Raises ValueError for what is no arithmetic, OverflowError for powers that are too large."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return complex(node.value)
    if isinstance(node, ast.Name) and node.id in values:
        return complex(values[node.id])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand, values)
        return -value if isinstance(node.op, ast.USub) else value
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _FUNCTIONS
        and len(node.args) == 1
    ):
        return _FUNCTIONS[node.func.id](_value(node.args[0], values))
    if isinstance(node, ast.BinOp):
        return _joined(node.op, _value(node.left, values), _value(node.right, values))
    raise ValueError


def _joined(sign: ast.operator, a: complex, b: complex) -> complex:
    match sign:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            return a / b
        case ast.Pow() if abs(b) <= _LARGEST:
            return a**b
    raise ValueError
