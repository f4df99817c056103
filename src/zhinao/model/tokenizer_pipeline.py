"""The Zhinao tokenizer as a standard `tokenizers.Tokenizer`: everything it does stands in the saved `tokenizer.json`.

Rules: `tokenizer.md` of the project's notes. Reads no files and knows no folders (see `tokenizer_folder.py`).
"""

import re

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model import tiktoken_file

# Raise this when the built tokenizer changes, so that kept ones are built anew.
VERSION = 1
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPACES = {f"[space{n}]": " " * n for n in (8, 4, 3, 2)}  # in the order of the replacements
NEWLINES = ("[br]", "<br>")
# They take the ids after the last rank, in this order.
SPECIAL_TOKENS = (
    "<pad>", "<unk>", "<mask>", "<eod>", "<eop>",
    "[space2]", "[space3]", "[space4]", "[space8]",
    "<|im_start|>", "<|im_end|>",
)  # fmt: skip
EOS, PAD, UNKNOWN = "<eod>", "<pad>", "<unk>"
# Ends the name of a rank whose bytes spell a special token. Being no letter of the byte alphabet, no text comes to it.
_TWIN = "\ue000"


def byte_alphabet() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary (GPT-2's table): 256 entries."""
    shown = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in shown else chr(next(others)) for byte in range(256)]


def build(ranks: dict[bytes, int], further: dict[int, AddedToken] | None = None) -> Tokenizer:
    """A tokenizer from ranks (in rank order), the family's special tokens and a checkpoint's further ones by id.

    Raises CheckpointError for a further token that cannot have its id.
    """
    alphabet = byte_alphabet()

    def spell(token: bytes) -> str:
        return "".join([alphabet[byte] for byte in token])

    vocab = {spell(token): rank for token, rank in ranks.items()}
    merges = [(spell(left), spell(right)) for left, right in tiktoken_file.find_merges(ranks)]
    added = {len(ranks) + n: special_token(content) for n, content in enumerate(SPECIAL_TOKENS)} | (further or {})
    vocab, merges = _make_room(vocab, merges, {id: token.content for id, token in sorted(added.items())})
    # tiktoken takes a piece that is a token as it stands, before any merging.
    tokenizer = Tokenizer(models.BPE(vocab, merges, ignore_merges=True))
    replacements = [
        *((newline, "\n") for newline in NEWLINES),
        *((spaces, marker) for marker, spaces in SPACES.items()),
    ]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(old, new) for old, new in replacements])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    # Spaces are no letters of the byte alphabet: ByteLevel passes the turned markers through as they are.
    turned = [*((marker, spaces) for marker, spaces in SPACES.items()), (_TWIN, "")]
    tokenizer.decoder = decoders.Sequence([*(decoders.Replace(*pair) for pair in turned), decoders.ByteLevel()])
    tokenizer.add_tokens([token for _, token in sorted(added.items())])
    return tokenizer


def _make_room(vocab: dict[str, int], merges: list[tuple[str, str]], added: dict[int, str]):
    """Vocabulary and merges in which every added token gets its id.

    `tokenizers` numbers added tokens on from the vocabulary, unless the vocabulary spells one of them already: then it
    takes that id. So a rank that spells a special token is kept under a twin's name, and ids that do not follow each
    other are written into the vocabulary. Both only for tokens that no piece of text can be.
    """
    is_in_line = list(added) == list(range(len(vocab), len(vocab) + len(added)))
    if is_in_line and not any(content in vocab for content in added.values()):
        return vocab, merges
    for id, content in added.items():
        if vocab.get(content) == id:
            continue
        if not _is_never_a_piece(content):
            raise CheckpointError(
                tr(
                    f"The added token {content!r} cannot have the id {id}: it is ordinary text to the vocabulary.",
                    f"新增的 token {content!r} 不能使用 id {id}：它在词表中是普通文本。",
                )
            )
        if content in vocab:
            merges = [(left, right) for left, right in merges if content not in (left, right, left + right)]
            vocab = {name + _TWIN if name == content else name: rank for name, rank in vocab.items()}
        vocab[content] = id
    return vocab, merges


def _is_never_a_piece(content: str) -> bool:
    """Whether PATTERN cuts inside `content` wherever it stands: it has no piece with something else after a letter."""
    return re.search(r"[^\W_]([\W_])", content) is not None and content.isascii()


def special_token(content: str, is_special: bool = True) -> AddedToken:
    """An added token that is searched for after the replacements, as the reference does.

    The space markers stay when special tokens are skipped, so they are not marked special.
    """
    return AddedToken(content, normalized=True, special=is_special and content not in SPACES)
