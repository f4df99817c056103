"""What both sides of a proof are asked: prompts, a conversation, and lines of every kind for the tokenizers."""

import random

# name -> text, control tokens included
PROMPTS = {
    "chinese": "二十四节气依次是：立春、雨水、惊蛰、",
    "english": "The capital of France is Paris, and the capital of Japan is",
    "code": "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "reasoning": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "鸡兔同笼，共 12 个头、38 只脚，鸡和兔各有几只？<|im_end|>\n<|im_start|>assistant\n<think>\n"
    ),
}

CONVERSATION = (
    {"role": "user", "content": "你好！  What is 7 × 8?"},
    {"role": "assistant", "content": "56。"},
    {"role": "user", "content": "\tWhy?\n"},
)

_WRITTEN = (
    "",
    " ",
    "  leading and trailing  ",
    "\t\ttabs\tinside\t",
    "\n\n\nthree newlines, then\r\na carriage return\r",
    *(f"{' ' * n}x{' ' * n}y" for n in range(1, 20)),
    "你好，世界！",
    "人工智能（AI）正在改变世界——从“大模型”到《机器学习》……",
    "繁體中文也要一樣，包括「引號」與、頓號。",
    "龘靐齉爩 𠮷野家 㐀㐁",
    "日本語のテキスト、カタカナとひらがな。한국어 문장도 있습니다.",
    "Ünïcödé, naïve café, Straße, İstanbul, Привет мир, Ελληνικά, שלום, مرحبا, हिन्दी, ไทย",
    "e\u0301 and é, ﬁ ligature, ½, Å and Å, full width ＡＢＣ１２３",
    "😀 😂🤣 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇨🇳🇺🇸 ☃️ ♥",
    "zero\u200bwidth, soft\u00adhyphen, no-break\u00a0space, ideographic\u3000space, \ufeffBOM, line\u2028separator",
    "0 1 12 123 1234 3.14159 1,000,000 1e-10 0xDEADBEEF 二〇二五年 ½ ² Ⅷ ٣",
    "I'm you're he's we've they'll I'd DON'T CAN'T it’s",
    "https://example.org/a?b=c&d=%E4%BD%A0#frag user@example.org C:\\path\\file.txt ~/.bashrc",
    "def f(x):\n    if x:\n\treturn {k: v for k, v in x.items()}  # comment\n\n\n",
    "for (int i = 0; i < n; ++i) {\n        a[i] += b[i] * c[i];\n    }",
    "SELECT * FROM t WHERE a >= 1 AND b LIKE '%x%';   -- 注释",
    "<html>\n  <body>\n    <p>a<br>b[br]c</p>\n  </body>\n</html>",
    "$$\\int_0^1 x^2\\,dx = \\frac{1}{3}$$, \\boxed{42}, a ≤ b ⇒ ∀x∈ℝ",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "!!!???...,,,;;;:::---___***///\\\\\\((([[[{{{",
    "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n",
    "a<eod>b<pad>c<unk>d<mask>e<eop>f <|im_end|> <|im_start|>",
    "<think>\n一步一步来\n</think>\n\n答案是 5。",
    "[space2] [space3] [space4] [space8] [space5]",
    "<|im_start <|im_end|> im_end|> <eod <|endoftext|> </s> <s>",
    "\x00\x01\x07\x1b[31mred\x1b[0m\x7f",
    "�invalid� �",
    "word " * 60,
    "汉" * 100,
    "a" * 200,
)

_PIECES = (
    " ", "  ", "   ", "    ", "        ", "\t", "\n", "\r\n", "<br>", "[br]", "[space2]", "<|im_start|>", "<|im_end|>",
    "<eod>", "<pad>", "<think>", "</think>", "'s", "'LL", "def ", "return", "{", "}", "();", "。", "，", "！", "……", "——",
    "😀", "👩‍👩‍👧", "🇨🇳", "é", "e\u0301", "ß", "the", " of", "ing", "你好", "智脑", "模型", "的", "7", "360", "3.14",
)  # fmt: skip
_RANGES = ((0x20, 0x7E), (0xA1, 0x24F), (0x370, 0x52F), (0x4E00, 0x9FFF), (0x3040, 0x30FF), (0x1F300, 0x1F64F))


def lines(num_generated: int = 1000, seed: int = 360) -> list[str]:
    """The hand-written lines, then generated ones: pieces in any order, mixed with characters of several scripts."""
    draw = random.Random(seed)
    return [*_WRITTEN, *(_generated(draw) for _ in range(num_generated))]


def _generated(draw: random.Random) -> str:
    def one() -> str:
        return draw.choice(_PIECES) if draw.random() < 0.6 else chr(draw.randint(*draw.choice(_RANGES)))

    return "".join(one() for _ in range(draw.randint(1, 40)))
