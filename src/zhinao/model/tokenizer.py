"""Text to token ids and back, on the `tokenizers` library alone. Knows neither chat formats nor transformers.

Adds no BOS or EOS of its own: what a prompt begins with is the chat template's business.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import tokenizers
from tokenizers import AddedToken

from zhinao.errors import CheckpointError, UsageError
from zhinao.files import write_json
from zhinao.lang import tr
from zhinao.model import tokenizer_folder
from zhinao.model.added_tokens import content_of
from zhinao.model.stream_decoder import ByteStreamDecoder, PieceStreamDecoder, StreamDecoder
from zhinao.model.tokenizer_pipeline import SPACES, byte_alphabet

WORDS = "added_words"  # in tokenizer_config.json: added tokens that texts may use, as against those that control
_BYTE_OF = {char: byte for byte, char in enumerate(byte_alphabet())}


class Tokenizer:
    """The tokenizer of a model folder. May be used by several threads at once.

    `control_tokens`: every added token that is neither white space nor an added word, by content: `<|im_end|>`, `<think>` …
    `vocab_size`: one more than the highest id. The embedding of a model may have more rows (padding); such ids decode
    to nothing. `bos_id`, `eos_id`, `pad_id` are None where the folder names none.
    """

    def __init__(
        self,
        backend: tokenizers.Tokenizer,
        config: dict | None = None,
        chat_template: str | None = None,
        named_templates: dict[str, str] | None = None,
    ):
        """`config`: tokenizer_config.json. `load` is the usual way to come here.

        `named_templates`: chat templates for a purpose, besides the default one.
        """
        backend.no_truncation()
        backend.no_padding()
        self._config, self.chat_template = config or {}, chat_template
        self.named_templates = named_templates or {}
        self._with_control = backend
        added = backend.get_added_tokens_decoder()
        self._special = {id for id, token in added.items() if token.special}
        words = frozenset(_words(self._config))
        self.control_tokens = {token.content: id for id, token in sorted(added.items()) if not _is_text(token, words)}
        self.vocab_size = max(backend.get_vocab_size(), *(id + 1 for id in added), 0)
        self._without_control = _without_control(backend, added, words)
        self._turned = _turned_before_bytes(backend)
        self._bytes: dict[int, bytes] = {}
        self.bos_id = self._id_of(content_of(self._config.get("bos_token")))
        self.eos_id = self._id_of(content_of(self._config.get("eos_token")))
        self.pad_id = self._id_of(content_of(self._config.get("pad_token")))

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        """From `tokenizer.json` or `vocab/360.tiktoken`. Raises CheckpointError naming the file and what is wrong."""
        folder = Path(folder)
        config = tokenizer_folder.read_config(folder)
        backend = tokenizer_folder.load_backend(folder, config)
        named = tokenizer_folder.chat_templates(folder, config)
        return cls(backend, config, named.pop("default", None), named)

    def with_words(self, words: Sequence[str]) -> "Tokenizer":
        """A tokenizer that has `words` as tokens too, which texts may use like any other; ids follow the highest one.

        Those that are tokens already stay what they are. Raises UsageError for a word that is empty.
        """
        if "" in words:
            raise UsageError(tr("A new token must not be empty.", "新 token 不能为空。"))
        backend = tokenizers.Tokenizer.from_str(self._with_control.to_str())
        new = [word for word in dict.fromkeys(words) if backend.token_to_id(word) is None]
        backend.add_tokens([AddedToken(word, special=False, normalized=False) for word in new])
        assert all((backend.token_to_id(word) or 0) >= self.vocab_size for word in new)
        config = {**self._config, WORDS: [*_words(self._config), *new]}
        return Tokenizer(backend, config, self.chat_template, self.named_templates)

    def encode(self, text: str, control: bool = False) -> list[int]:
        """Token ids of `text`. Without `control`, control tokens that stand in it are plain text like any other.

        Lone surrogates become U+FFFD, as they do in tiktoken.
        """
        backend = self._with_control if control else self._without_control
        try:
            return backend.encode(text, add_special_tokens=False).ids
        except TypeError:
            return backend.encode(mend_surrogates(text), add_special_tokens=False).ids

    def encode_aside(self, text: str, control: bool = False) -> list[int]:
        """The same for a thread beside others: the library holds Python's lock in `encode`, and lets it go in a batch.

        Not for processes that fork afterwards, of which it warns.
        """
        backend = self._with_control if control else self._without_control
        try:
            return backend.encode_batch_fast([text], add_special_tokens=False)[0].ids
        except TypeError:
            return self.encode_aside(mend_surrogates(text), control)

    def decode(self, ids: Iterable[int], skip_control: bool = True) -> str:
        """The text of `ids`; invalid UTF-8 becomes U+FFFD, ids that are no tokens give nothing.

        `skip_control` drops tokens that the folder marks as special (the space markers never are).
        """
        known = [id for id in ids if 0 <= id < self.vocab_size]
        return self._with_control.decode(known, skip_special_tokens=skip_control)

    def stream(self, skip_control: bool = True) -> StreamDecoder:
        """A decoder for one answer that comes token by token; joined, it gives what `decode` gives."""
        if self._turned is None:
            return PieceStreamDecoder(
                lambda id: None if skip_control and id in self._special else self.id_to_token(id),
                lambda ids: self.decode(ids, skip_control),
            )
        return ByteStreamDecoder(lambda id: b"" if skip_control and id in self._special else self._token_bytes(id))

    def token_to_id(self, token: str) -> int | None:
        return self._with_control.token_to_id(token)

    def id_to_token(self, id: int) -> str | None:
        """The token as the vocabulary spells it (byte-level alphabet), not its text."""
        return self._with_control.id_to_token(id) if 0 <= id < self.vocab_size else None

    def bytes_of(self, id: int) -> bytes:
        """The UTF-8 bytes of one token, which may be part of a character; a control token's are its name."""
        return self.decode([id], skip_control=False).encode() if self._turned is None else self._token_bytes(id)

    @property
    def is_byte_level(self) -> bool:
        """Whether a text is the bytes of its tokens, one after the other."""
        return self._turned is not None

    def save(self, folder: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json, which any tool loads without code of ours."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / tokenizer_folder.FILE).write_text(self._with_control.to_str(pretty=True), encoding="utf-8")
        config = {key: value for key, value in self._config.items() if key not in tokenizer_folder.NOT_SAVED}
        if config.get("tokenizer_class") in (None, tokenizer_folder.CLASS):
            others = tokenizer_folder.other_special_tokens(self._with_control, config)
            config |= {"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": others}
        if self.chat_template is not None:
            config["chat_template"] = tokenizer_folder.template_entry(self.chat_template, self.named_templates)
        write_json(folder / tokenizer_folder.CONFIG, config)

    def _id_of(self, token: str | None) -> int | None:
        return None if token is None else self.token_to_id(token)

    def _token_bytes(self, id: int) -> bytes:
        """What a byte-level decoder makes of one token."""
        if (known := self._bytes.get(id)) is not None:
            return known
        token = self.id_to_token(id) or ""
        for old, new in self._turned or ():
            token = token.replace(old, new)
        is_spelled = all(char in _BYTE_OF for char in token)
        self._bytes[id] = bytes(_BYTE_OF[char] for char in token) if is_spelled else token.encode()
        return self._bytes[id]


def mend_surrogates(text: str) -> str:
    """What tiktoken makes of a string that is no valid Unicode: pairs are joined, lone ones become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _words(config: dict) -> list[str]:
    words = config.get(WORDS)
    return [word for word in words if isinstance(word, str)] if isinstance(words, list) else []


def _is_text(token: AddedToken, words: frozenset[str]) -> bool:
    return _is_space(token) or token.content in words


def _is_space(token: AddedToken) -> bool:
    """Space markers and added tokens of white space alone only make text shorter; they control nothing."""
    return token.content in SPACES or not token.content.replace("▁", " ").strip()


def _without_control(
    backend: tokenizers.Tokenizer, added: dict[int, AddedToken], words: frozenset[str]
) -> tokenizers.Tokenizer:
    """The same tokenizer (it shares the vocabulary in memory) that sees only text, added words and the space markers.

    A second one, because the switch `encode_special_tokens` belongs to a tokenizer and not to a call, and because it
    leaves tokens on that are added but not special, such as `<think>`.
    """
    plain = tokenizers.Tokenizer(backend.model)
    plain.normalizer, plain.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
    tokens = []
    for id in sorted(added):
        kept = added[id]
        flags = {name: getattr(kept, name) for name in ("lstrip", "rstrip", "single_word", "normalized")}
        tokens.append(AddedToken(kept.content, special=not _is_text(kept, words), **flags))
    plain.add_tokens(tokens)
    plain.encode_special_tokens = True
    if {id: token.content for id, token in plain.get_added_tokens_decoder().items()} != {
        id: token.content for id, token in added.items()
    }:
        raise CheckpointError(
            tr(
                f"{tokenizer_folder.FILE}: the ids of the added tokens do not follow from the file.",
                f"{tokenizer_folder.FILE}：新增 token 的 id 与文件不符。",
            )
        )
    return plain


def _turned_before_bytes(backend: tokenizers.Tokenizer) -> list[tuple[str, str]] | None:
    """Replacements that a byte-level decoder makes in each token first; None for every other kind of decoder."""
    if backend.decoder is None:
        return None
    decoder = json.loads(backend.decoder.__getstate__())
    *before, last = decoder["decoders"] if decoder["type"] == "Sequence" else [decoder]
    is_plain = all(step["type"] == "Replace" and "String" in step["pattern"] for step in before)
    if last["type"] != "ByteLevel" or not is_plain:
        return None
    return [(step["pattern"]["String"], step["content"]) for step in before]
