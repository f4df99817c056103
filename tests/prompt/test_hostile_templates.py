"""Chat templates that loop, grow or reach for Python: a sentence soon, and the next conversation goes on."""

import os
import threading
from pathlib import Path

import pytest

from zhinao.errors import UsageError
from zhinao.family import CHAT_TEMPLATE
from zhinao.prompt import conversation, template
from zhinao.prompt.template import TooCostlyError

MESSAGES = [{"role": "user", "content": "hi"}]
LOOP = "{%- for a in range(99999) -%}{%- for b in range(99999) -%}{%- endfor -%}{%- endfor -%}"
COSTLY = {
    "loops": LOOP,
    "a string times much": "{{ 'a' * 10**10 }}",
    "a list times much": "{{ ([0] * 10**10) | length }}",
    "a power": "{{ 9 ** (9 ** 9) }}",
    "format": "{{ '{:>9999999999}'.format('a') }}",
    "percent": "{{ '%9999999999d' % 1 }}",
    "center": "{{ 'a' | center(10**10) }}",
    "ljust": "{{ 'a'.ljust(10**10) }}",
    "doubling": "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "doubling by blocks": "{% set x %}aaaaaaaa{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60 + "{{ x }}",
    "replace": "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x.replace('a', 'aaaa') %}{% endfor %}",
    "macros": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "much text": "{% for i in range(99999) %}{{ messages[0]['content'] * 2000 }}{% endfor %}",
    "lorem": "{{ lipsum(n=99999, min=9999, max=99999) }}",
    "sums": "{{ range(99999) | batch(1) | list | map('string') | join | length }}" * 3000 + LOOP,
}  # fmt: skip
REFUSED = {
    "classes": "{{ ''.__class__.__mro__ }}{{ ''.__class__.__mro__[1].__subclasses__()[0] }}",
    "globals": "{{ raise_exception.__globals__['os'].system('true') }}",
    "attr": "{{ ''|attr('__class__')|attr('__mro__') }}{{ (''|attr('__class__')).mro() }}",
    "format": "{{ '{0.__class__.__init__.__globals__}'.format(raise_exception) }}{{ undefined_name.x }}",
    "range": "{{ range(10**9) | list }}",
    "changing": "{{ messages.append({'role': 'system', 'content': 'x'}) }}",
    "files": "{% include '/etc/passwd' %}",
    "imports": "{% import 'os' as os %}",
    "itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "end": "{{ raise_exception('no') }}",
    "no template": "{% for %}",
    "deep": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
}


def render(text: str, **context) -> str:
    return template.render(text, {"messages": MESSAGES, **context}, "", "")


@pytest.mark.parametrize("case", COSTLY)
def test_a_costly_template_is_a_sentence_soon(case):
    with pytest.raises(UsageError, match=r"chat template (takes more than 1 s or 128 MiB|cannot render)"):
        render(COSTLY[case])
    assert render("{{ messages[0]['content'] }}") == "hi"


@pytest.mark.parametrize("case", REFUSED)
def test_a_template_finds_nothing_of_python(case):
    with pytest.raises(UsageError, match="cannot render"):
        render(REFUSED[case])
    assert MESSAGES == [{"role": "user", "content": "hi"}]


def test_it_sees_no_secrets(monkeypatch):
    """Whatever a hole in the sandbox would give away."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    template._worker().close()
    render("{{ 1 }}")
    environment = Path(f"/proc/{template._worker()._process.pid}/environ")
    assert not environment.exists() or "hf_secret" not in environment.read_text()


def test_the_probes_do_not_swallow_it():
    """A looping template is told of once, not tried again and again for what it can do."""
    for probe in (lambda: template.tool_support(LOOP), lambda: template.content_form(LOOP, "user")):
        with pytest.raises(TooCostlyError):
            probe()


def test_a_template_that_loops_only_sometimes():
    evil = "{% if messages | length > 1 %}" + LOOP + "{% endif %}ok"
    assert render(evil) == "ok"
    with pytest.raises(TooCostlyError):
        render(evil, messages=MESSAGES * 2)
    assert render(evil) == "ok"


def test_large_conversations_may_take_more():
    text = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    long = [{"role": "user", "content": "x" * 200_000}] * 40
    assert len(render(text, messages=long)) == 8_000_000
    many = [{"role": "user", "content": "x"}] * 50_000
    assert len(render(text, messages=many)) == 50_000


def test_words_come_back_as_they_went():
    odd = "\ud800 \U0010ffff \x00 é 中 \u2028 <b>&"
    assert render("{{ messages[0]['content'] }}", messages=[{"content": odd}]) == odd


def test_several_threads_and_children():
    found = []
    threads = [threading.Thread(target=lambda n=n: found.append(render("{{ n }}", n=n) == str(n))) for n in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found == [True] * 20
    if (child := os.fork()) == 0:
        try:
            os._exit(0 if render("{{ n }}", n=7) == "7" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert render("{{ n }}", n=8) == "8"


def test_values_that_cannot_travel():
    with pytest.raises(UsageError, match="cannot render"):
        render("{{ f }}", f=lambda: 1)


def test_ours_needs_no_process(monkeypatch):
    monkeypatch.setattr(template, "_worker", lambda: pytest.fail("a process was asked for"))
    assert "hi" in template.render(CHAT_TEMPLATE, {"messages": MESSAGES, "tools": None}, "", "")


def test_in_a_conversation(tmp_path):
    from tests.tiny_tokenizer import make_tokenizer

    from zhinao.model.tokenizer import Tokenizer

    make_tokenizer(tmp_path)
    tokenizer = Tokenizer.load(tmp_path)
    tokenizer.chat_template = LOOP
    with pytest.raises(TooCostlyError) as caught:
        conversation.render(MESSAGES, tokenizer)
    assert "chat_template" in caught.value.hint and caught.value.exit_code == 2
