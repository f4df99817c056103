"""An answer's Markdown as tokens that lose nothing: tags, pictures and notes stay in the text, for a terminal shows no HTML."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# HTML would not be shown (`List<String>` would be `List`); definitions (`[^1]: …`) belong to what other blocks refer to
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable("reference")


def parse(text: str) -> list[Token]:
    """Tokens of a block. `<br>` is a line break, a picture its words and its address."""
    tokens = _PARSER.parse(text)
    for token in tokens:
        if token.children:
            token.children = [new for child in token.children for new in _shown(child)]
    return tokens


def _shown(token: Token) -> list[Token]:
    if token.type == "image":
        return [_text(f"🖼 {token.content} ({token.attrs.get('src', '')})")]
    if token.type != "text" or not _BREAK.search(token.content):
        return [token]
    first, *others = _BREAK.split(token.content)
    return [_text(first), *(new for part in others for new in (Token("hardbreak", "br", 0), _text(part)))]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
