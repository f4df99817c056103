"""Which files of a folder count, what they may say, and what is said when they are damaged."""

import base64
import json

import pytest

from tests.reference_tokenizer import SPECIAL
from tests.tiny_tokenizer import CHAT_TEMPLATE, make_tokenizer, train, write_ranks
from zhinao.errors import CheckpointError
from zhinao.model import tokenizer_folder
from zhinao.model.tokenizer import Tokenizer

VOCABULARY = "vocab/360.tiktoken"


def change_config(folder, **keys):
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))


def replace_line(folder, number, line: bytes):
    file = folder / VOCABULARY
    lines = file.read_bytes().splitlines()
    lines[number - 1 : number] = [line] if line else []
    file.write_bytes(b"\n".join(lines))


def token(text: bytes) -> bytes:
    return base64.b64encode(text)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"!!!! 270", "line 271: the token is not base64"),
        (b"YQ= 270", "line 271: the token is not base64"),
        (b"\xff\xfe 270", "line 271: the token is not base64"),
        (token(b"zq") + b" 269", "line 271: rank 269 stands in line 270 too"),
        (token(b"a") + b" 270", "line 271: the same token as in line 98"),
        (token(b"zq") + b" 999", "rank 271, but there is no rank 270"),
        (token(b"zq") + b" -1", "line 271: the rank is not a whole number"),
        (token(b"zq"), "line 271: expected `base64 rank`"),
        (b"", "rank 271, but there is no rank 270"),
    ],
)
def test_a_damaged_vocabulary_is_named_with_its_line(tmp_path, line, what):
    replace_line(make_tokenizer(tmp_path), 271, line)
    with pytest.raises(CheckpointError) as caught:
        Tokenizer.load(tmp_path)
    assert VOCABULARY in str(caught.value) and what in str(caught.value) and "zhinao pull" in str(caught.value)


def test_a_vocabulary_without_some_byte(tmp_path):
    ranks = {(b"zzz" if key == b"\x07" else key): rank for key, rank in train().items()}
    with pytest.raises(CheckpointError, match="1 single bytes are no tokens, the first is 0x07"):
        Tokenizer.load(make_tokenizer(tmp_path, ranks=ranks))


def test_an_empty_vocabulary(tmp_path):
    make_tokenizer(tmp_path)
    (tmp_path / VOCABULARY).write_bytes(b"")
    with pytest.raises(CheckpointError, match="256 single bytes"):
        Tokenizer.load(tmp_path)


def test_windows_line_ends_and_blank_lines_are_no_damage(tmp_path):
    make_tokenizer(tmp_path)
    file = tmp_path / VOCABULARY
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert Tokenizer.load(tmp_path).vocab_size == 313


def test_no_tokenizer_at_all(tmp_path):
    with pytest.raises(CheckpointError, match="no tokenizer"):
        Tokenizer.load(tmp_path)


def test_sentencepiece_alone(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(b"\x0a")
    with pytest.raises(CheckpointError, match=r"only a SentencePiece tokenizer\.model"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b'{"version": "1.0"}', b""])
def test_a_broken_tokenizer_json(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: damaged"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"])
def test_a_broken_companion(tmp_path, name):
    make_tokenizer(tmp_path)
    (tmp_path / name).write_text('{"eos_token":\n oops}')
    with pytest.raises(CheckpointError, match=rf"{name}: damaged .*line 2"):
        Tokenizer.load(tmp_path)


def test_a_vocabulary_of_another_family_is_not_guessed_at(tmp_path):
    make_tokenizer(tmp_path, tokenizer_class="QWenTokenizer")
    with pytest.raises(CheckpointError, match="'QWenTokenizer'"):
        Tokenizer.load(tmp_path)


def test_two_vocabularies(tmp_path):
    for name in "ab":
        write_ranks(tmp_path / f"{name}.tiktoken", train())
    with pytest.raises(CheckpointError, match="several vocabularies"):
        Tokenizer.load(tmp_path)


def test_a_vocabulary_without_any_config(tmp_path):
    write_ranks(tmp_path / VOCABULARY, train())
    tokenizer = Tokenizer.load(tmp_path)
    assert (tokenizer.vocab_size, tokenizer.eos_id, tokenizer.pad_id) == (311, 303, 300)


def test_tokenizer_json_wins(tmp_path):
    Tokenizer.load(make_tokenizer(tmp_path)).save(tmp_path)
    (tmp_path / VOCABULARY).write_bytes(b"nonsense")
    assert Tokenizer.load(tmp_path).vocab_size == 313


def test_further_tokens_from_both_files(tmp_path):
    make_tokenizer(tmp_path, additional_special_tokens=["<tool>", "<|im_end|>", {"content": "<end>"}])
    (tmp_path / "added_tokens.json").write_text('{"<answer>": 313, "<eod>": 303}')
    tokenizer = Tokenizer.load(tmp_path)
    assert [tokenizer.id_to_token(id) for id in range(311, 316)] == [
        "<think>",
        "</think>",
        "<answer>",
        "<tool>",
        "<end>",
    ]
    assert tokenizer.encode("<answer>x<tool>", control=True) == [313, 120, 314]


def test_the_family_keeps_its_flags(tmp_path):
    """Some published configs mark everything special; space markers must survive skipping all the same."""
    listed = {str(300 + n): {"content": name, "special": True} for n, name in enumerate(SPECIAL)}
    make_tokenizer(tmp_path, added_tokens_decoder=listed)
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.decode(tokenizer.encode("a  b<eod>", control=True)) == "a  b"


def test_ids_with_a_gap(tmp_path):
    make_tokenizer(tmp_path, added_tokens_decoder={"319": {"content": "</think>"}, "316": {"content": "<think>"}})
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.encode("<pad><think>  </think>", control=True) == [300, 316, 305, 319]
    assert tokenizer.control_tokens["</think>"] == 319 and tokenizer.vocab_size == 320
    assert 316 not in tokenizer.encode("<think>") and tokenizer.decode([316, 97, 317, 319]) == "<think>a</think>"
    tokenizer.save(tmp_path / "saved")
    assert Tokenizer.load(tmp_path / "saved").control_tokens == tokenizer.control_tokens


@pytest.mark.parametrize(
    ("listed", "what"),
    [
        ({"303": {"content": "<end>"}}, r"'<end>' cannot have the id 303, because that id is '<eod>'"),
        ({"97": {"content": "<end>"}}, r"'<end>' cannot have the id 97, because that id is 'a'"),
        ({"311": {"content": "<eod>"}}, r"'<eod>' cannot have the id 311, because it has the id 303"),
        ({"-5": {"content": "<end>"}}, r"'<end>' cannot have the id -5"),
        ({"x": {"content": "<end>"}}, r"added_tokens_decoder\['x'\]"),
        ({"311": {}}, r"added_tokens_decoder\['311'\]"),
        ({"311": "<end>"}, r"added_tokens_decoder\['311'\]"),
        ({"400": {"content": "word"}}, r"'word' cannot have the id 400"),
        ({"311": {"content": "a"}}, r"'a' cannot have the id 311"),
    ],
)
def test_further_tokens_that_cannot_be(tmp_path, listed, what):
    make_tokenizer(tmp_path, added_tokens_decoder=listed)
    with pytest.raises(CheckpointError, match=what):
        Tokenizer.load(tmp_path)


def test_a_rank_may_be_listed_as_an_added_token(tmp_path):
    make_tokenizer(tmp_path, added_tokens_decoder={"97": {"content": "a", "special": True}})
    assert Tokenizer.load(tmp_path).control_tokens["a"] == 97


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("one", "one"),
        ([{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}], "d"),
        ([{"name": "tools", "template": "t"}], "t"),  # a single one is meant for everything
        ([], None),
        (None, None),
    ],
)
def test_chat_template_in_the_config(tmp_path, value, expected):
    change_config(make_tokenizer(tmp_path), chat_template=value)
    assert Tokenizer.load(tmp_path).chat_template == expected


def test_chat_template_in_its_own_file_wins(tmp_path):
    make_tokenizer(tmp_path)
    assert Tokenizer.load(tmp_path).chat_template == CHAT_TEMPLATE
    (tmp_path / "chat_template.jinja").write_text("{{ 'own' }}")
    assert Tokenizer.load(tmp_path).chat_template == "{{ 'own' }}"


def test_templates_by_name_from_every_place_survive_saving(tmp_path):
    folder = make_tokenizer(tmp_path / "a")
    listed = [{"name": n, "template": f"list {n}"} for n in ("default", "tool_use", "rag")]
    change_config(folder, chat_template=listed)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("文件", encoding="utf-8")
    for number in range(2):
        tokenizer = Tokenizer.load(folder)
        assert tokenizer.chat_template == "list default"
        assert tokenizer.named_templates == {"tool_use": "文件", "rag": "list rag"}
        folder = tmp_path / f"saved{number}"
        tokenizer.save(folder)
    tokenizer_folder.write_chat_templates(folder, tokenizer.chat_template, tokenizer.named_templates)
    again = Tokenizer.load(folder)
    assert (again.chat_template, again.named_templates) == (tokenizer.chat_template, tokenizer.named_templates)


def test_of_several_templates_none_is_guessed(tmp_path):
    change_config(make_tokenizer(tmp_path), chat_template=[{"name": n, "template": n} for n in ("tool_use", "rag")])
    with pytest.raises(CheckpointError, match=r"\(rag, tool_use\) none is named default"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("value", [5, [{"name": "default"}], ["x"], {"default": "x"}])
def test_a_chat_template_of_the_wrong_kind(tmp_path, value):
    change_config(make_tokenizer(tmp_path), chat_template=value)
    with pytest.raises(CheckpointError, match="chat_template"):
        Tokenizer.load(tmp_path)


def test_a_large_vocabulary_is_built_once(tmp_path, monkeypatch):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tokenizer_folder, "_NUM_BYTES_TO_KEEP", 0)
    folder = make_tokenizer(tmp_path / "model")
    builds = []
    build = tokenizer_folder._build
    monkeypatch.setattr(tokenizer_folder, "_build", lambda *args: builds.append(1) or build(*args))
    first, second = Tokenizer.load(folder), Tokenizer.load(folder)
    assert len(builds) == 1 and first.encode("你好  <eod>", True) == second.encode("你好  <eod>", True)

    (kept,) = (tmp_path / "home" / "tokenizers").iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])  # damaged: built anew and mended
    assert Tokenizer.load(folder).vocab_size == 313 and len(builds) == 2
    assert Tokenizer.load(folder).vocab_size == 313 and len(builds) == 2

    change_config(folder, added_tokens_decoder={})  # other further tokens are another tokenizer
    assert Tokenizer.load(folder).vocab_size == 311 and len(builds) == 3


def test_a_home_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("a file, no folder")
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tokenizer_folder, "_NUM_BYTES_TO_KEEP", 0)
    assert Tokenizer.load(make_tokenizer(tmp_path / "model")).vocab_size == 313


def test_a_vocabulary_that_cannot_be_read(tmp_path):
    (tmp_path / VOCABULARY).mkdir(parents=True)
    with pytest.raises(CheckpointError, match="cannot be read"):
        Tokenizer.load(tmp_path)
