"""Characters that a terminal or a page would obey or hide, as characters that are seen. Leaves line ends and tabs alone.

Also the console that such text is printed on.
"""

import re

# C0 and C1 controls, soft hyphen, zero-width and bidirectional signs, line separators, tags, lone surrogates.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0001-\U000e007f]"
)


def visible(text: str) -> str:
    """`text` that can be printed: controls as their pictures (␛), others as ‹U+202E›."""
    return _UNSEEN.sub(lambda match: _picture(ord(match[0])), text)


def _picture(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"


def console():
    """Standard output; words of the data are never taken for markup. What is piped on is not broken into lines."""
    from rich.console import Console

    made = Console(highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Console(highlight=False, markup=False, emoji=False, width=1000)
