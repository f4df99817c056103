"""`zhinao data view`: what the tokens are, the terminal, the page."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console
from tests.tiny_tokenizer import make_tokenizer

from zhinao import cli
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import Encoded, encode
from zhinao.data.encode.overlong import Limit
from zhinao.data.sample import Place, Sample
from zhinao.data.view import command, terminal
from zhinao.data.view import page as view_page
from zhinao.data.view import rows as view_rows
from zhinao.data.view.rows import tokens_of
from zhinao.data.visible import visible
from zhinao.model.tokenizer import Tokenizer

NASTY = "不客气 😀𠮷 </span><script>alert(1)</script> &amp; <b> \x1b[31m \x00 \u202e \r\n\ttab"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tokenizer(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def tokenizer(folder):
    return Tokenizer.load(folder)


def chat(number: int, *words: str) -> Sample:
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(words)]
    return Sample("chat", Place("data.jsonl", number, number), messages)


def rows(tokenizer, *samples, limit=None, packs=False, how=Choices()):  # noqa: B008 (a frozen value)
    return view_rows.view(list(enumerate(samples, start=1)), tokenizer, how, limit, packs, seed=1)


# tokens


def test_tokens_are_the_document(tokenizer):
    document = encode(chat(1, "你好", NASTY), tokenizer, Choices())[0]
    tokens = tokens_of(document, tokenizer)
    assert [token.id for token in tokens] == document.ids.tolist()
    assert "".join(token.text for token in tokens) == tokenizer.decode(document.ids.tolist(), skip_control=False)
    assert [token.state == "trained" for token in tokens] == (document.weights > 0).tolist()
    assert [n + 1 for n, token in enumerate(tokens) if token.ends_turn] == list(document.turns)
    assert tokens[document.turns[0] - 1].text == "<|im_end|>"


def test_parts_of_a_character(tokenizer):
    ids = tokenizer.encode("𠮷")
    assert len(ids) > 1
    tokens = tokens_of(Encoded(np.array(ids, np.int32), np.zeros(len(ids), np.float32), Place("x", 1, 1)), tokenizer)
    assert [bool(token.part) for token in tokens] == [True] * (len(ids) - 1) + [False]
    assert tokens[-1].text == "𠮷" and bytes.fromhex(tokens[0].part) == tokenizer.bytes_of(ids[0])


def test_bytes_that_never_become_a_character(tokenizer):
    ids = tokenizer.encode("𠮷")[:1]
    tokens = tokens_of(Encoded(np.array(ids, np.int32), np.zeros(1, np.float32), Place("x", 1, 1)), tokenizer)
    assert tokens[0].text == "\ufffd" and tokens[0].part == ""


def test_thoughts_are_known(tokenizer):
    document = encode(chat(1, "why", "<think>\nso\n</think>\n\nyes"), tokenizer, Choices())[0]
    tokens = tokens_of(document, tokenizer)
    inside = "".join(token.text for token in tokens if token.in_thought)
    assert inside == "<think>\nso\n</think>"


# rows


def test_packing_shows_who_shares_a_row(tokenizer):
    samples = [chat(n, "question", "answer " * n) for n in range(1, 6)]
    lengths = [len(encode(s, tokenizer, Choices())[0].ids) for s in samples]
    limit = Limit(max(lengths) + min(lengths))
    made = rows(tokenizer, *samples, limit=limit, packs=True)
    assert sorted(document.number for row in made.rows for document in row) == [1, 2, 3, 4, 5]
    assert len(made.rows) < 5 and all(sum(len(d.tokens) for d in row) <= limit.num_tokens for row in made.rows)
    assert "filled" in terminal.totals(made)


@pytest.mark.parametrize("policy", ["drop", "left", "split", "error"])
def test_cut_and_kept_are_the_whole(tokenizer, policy):
    """Every token of an overlong conversation is shown, as kept or as cut."""
    sample = chat(1, "one", "a first answer", "two", "a second one " * 9, "three", "the third answer")
    whole = encode(sample, tokenizer, Choices())[0]
    made = rows(tokenizer, sample, limit=Limit(60, policy))
    kept = [document for row in made.rows for document in row]
    assert all(len(document.tokens) <= 60 for document in kept)
    assert sum(len(d.tokens) for d in [*kept, *made.cut]) == len(whole.ids)
    assert {token.state for document in made.cut for token in document.tokens} == {"cut"}
    cut = "".join(token.text for document in made.cut for token in document.tokens)
    assert "a second one" in cut
    assert ("a first answer" in cut) == (policy != "split")
    assert ("the third answer" in cut) == (policy in ("drop", "error"))


def test_pairs_show_both_answers(tokenizer):
    sample = Sample(
        "preference",
        Place("p", 1, 1),
        chat(1, "hi").messages,
        None,
        *([{"role": "assistant", "content": c}] for c in "ab"),
    )
    made = rows(tokenizer, sample)
    texts = ["".join(t.text for t in row[0].tokens if t.state == "trained") for row in made.rows]
    assert texts == ["a<|im_end|>", "b<|im_end|>"]


# the terminal

GOLDEN = """\
⟦trained⟧  only read  ⟪cut⟫  ■ end of a trained turn
── sample 1 (data.jsonl, line 1): 28 tokens, 16 trained
<|im_start|>user↵
你好<|im_end|>↵
<|im_start|>assistant↵
⟦<think>↵
␛[0m‹U+202E›↵
</think>↵
↵
好。<|im_end|>■⟧
── sample 2: data.jsonl, line 2: no token of it would be trained
1 document, 28 tokens: 16 trained, 12 only read; 0 cut.
"""


def drawn(made, **settings) -> str:
    console = Console(record=True, width=80, highlight=False, markup=False, emoji=False, **settings)
    with console.capture() as capture:
        terminal.show(made, console)
    return capture.get()


def test_terminal_without_colours(tokenizer):
    samples = chat(1, "你好", "<think>\n\x1b[0m\u202e\n</think>\n\n好。"), chat(2, "only a question")
    text = drawn(rows(tokenizer, *samples), force_terminal=False)
    assert "\n".join(line.rstrip() for line in text.splitlines()) + "\n" == GOLDEN


def test_no_color_is_heeded(tokenizer):
    text = drawn(rows(tokenizer, chat(1, "a", "b")), force_terminal=True, no_color=True, color_system="truecolor")
    assert "⟦b<|im_end|>■⟧" in re.sub(r"\x1b\[[\d;]*m", "", text)


def test_terminal_with_colours(tokenizer):
    text = drawn(rows(tokenizer, chat(1, "a", "bc d")), force_terminal=True, color_system="truecolor")
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert "⟦" not in plain and "bc d<|im_end|>■" in plain
    assert text.count("\x1b[") > 20  # a style for each token


# the page


class Spans(HTMLParser):
    """Tokens by document, and what a page may not hold."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.documents, self.open, self.tags, self.attributes = [], [], set(), set()
        self.style, self.policy, self.token = "", "", None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.attributes |= attrs.keys()
        if tag == "meta" and attrs.get("http-equiv"):
            self.policy = attrs["content"]
        if tag not in ("meta", "input"):
            self.open.append(tag)
        classes = attrs.get("class", "").split()
        if "doc" in classes:
            self.documents.append([])
        if "t" in classes:
            self.token = {"id": int(attrs["data-id"]), "classes": classes, "text": ""}
            self.documents[-1].append(self.token)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.token = None

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        if self.token is not None:
            self.token["text"] += data


def parsed(made) -> Spans:
    spans = Spans()
    spans.feed("".join(view_page.page(made, "tiny")))
    spans.close()
    assert spans.open == []
    return spans


def test_page_shows_every_token(tokenizer):
    samples = [chat(1, "你好 &lt;", NASTY, "again", "yes"), chat(2, "<script>", "<think>\nso\n</think>\n\n<|im_end|>")]
    documents = [document for sample in samples for document in encode(sample, tokenizer, Choices())]
    spans = parsed(rows(tokenizer, *samples))
    assert len(spans.documents) == len(documents)
    for tokens, document in zip(spans.documents, documents, strict=True):
        assert [token["id"] for token in tokens] == document.ids.tolist()
        text = visible(tokenizer.decode(document.ids.tolist(), skip_control=False))
        assert "".join(token["text"] for token in tokens) == text
        assert ["trained" in token["classes"] for token in tokens] == (document.weights > 0).tolist()
        assert sum("end" in token["classes"] for token in tokens) == len(document.turns)


def test_page_needs_and_runs_nothing(tokenizer):
    spans = parsed(rows(tokenizer, chat(1, NASTY, NASTY)))
    assert spans.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "input",
        "header",
        "h1",
        "p",
        "span",
        "label",
        "main",
        "h3",
        "div",
    }
    assert not spans.attributes & {"src", "href", "style", "srcset", "action"}
    assert not any(name.startswith("on") for name in spans.attributes)
    digest = base64.b64encode(hashlib.sha256(spans.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in spans.policy and "default-src 'none'" in spans.policy
    assert "url(" not in spans.style and "@import" not in spans.style


def test_page_has_rows_cuts_and_faults(tokenizer):
    samples = [chat(1, "a", "b"), chat(2, "long", "word " * 99), chat(3, "only a question")]
    made = rows(tokenizer, *samples, limit=Limit(60, "drop"), packs=True)
    html = "".join(view_page.page(made, "tiny"))
    assert "row 1 of 1" in html and "tokens cut, not trained" in html and "sample 3: data.jsonl, line 3" in html
    spans = parsed(made)
    assert {c for token in spans.documents[1] for c in token["classes"]} >= {"cut"}


# the command


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.jsonl"
    records = ({"messages": chat(n, f"question {n}", f"answer {n}").messages} for n in range(1, 6))
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_first_three_by_default(file, folder, capsys):
    assert cli.main(["data", "view", str(file), "--model", str(folder)]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"── sample (\d)", out) == ["1", "2", "3"] and "3 documents" in out


def test_chosen_samples(file, folder, capsys):
    assert cli.main(["data", "view", str(file), "--model", str(folder), "--sample", "2,4-"]) == 0
    assert re.findall(r"── sample (\d)", capsys.readouterr().out) == ["2", "4", "5"]


def test_a_sample_that_is_not_there(file, folder, capsys):
    assert cli.main(["data", "view", str(file), "--model", str(folder), "--sample", "9"]) == 10
    assert "There are 5 samples, not 9." in capsys.readouterr().err


@pytest.mark.parametrize("word", ["0", "x", "3-2", "1,,2", "-3"])
def test_numbers_that_are_none(file, folder, word, capsys):
    assert cli.main(["data", "view", str(file), "--model", str(folder), f"--sample={word}"]) == 2


def test_ranges():
    assert command.numbers("1,4-6") == [range(1, 2), range(4, 7)]
    assert 10**9 in command.numbers("7-")[0]


def test_html_file(file, folder, tmp_path, capsys):
    page = tmp_path / "page.html"
    words = ["data", "view", str(file), "--model", str(folder), "--html", str(page)]
    assert cli.main([*words, "--is_concat", "True", "--model_max_length", "100"]) == 0
    out = capsys.readouterr().out
    assert "5 documents" in out and str(page) in out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert cli.main([*words[:-1], str(tmp_path / "no" / "page.html")]) == 7


@pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")), reason="no Chromium and chromedriver here"
)
def test_page_in_a_browser(tokenizer, tmp_path):
    """The style is applied under the page's own policy, and nothing is stopped by it."""
    from tests.serve.browser import Page

    page = Page()
    try:
        view_page.write(tmp_path / "page.html", rows(tokenizer, chat(1, "你好", NASTY)), "tiny")
        page.driver.get(f"file://{tmp_path / 'page.html'}")
        colours = page.js(
            "return ['.trained', '.masked'].map((s) => getComputedStyle(document.querySelector('.doc ' + s)).backgroundColor)"
        )
        assert colours[0] != colours[1] and "rgba(0, 0, 0, 0)" not in colours
        assert page.js("return seen") == {"violations": [], "errors": []}
        assert page.js("return document.scripts.length") == 0
        assert page.js("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        page.close()
