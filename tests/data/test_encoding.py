"""Token by token: what of a sample is trained. In the marked texts, `[` … `]` stand around what is."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.byte_tokenizer import ByteTokenizer
from tests.tiny_tokenizer import make_tokenizer

from zhinao.data.encode import dialogue
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import Encoded, encode, encode_preference
from zhinao.data.sample import Fault, Place, Sample
from zhinao.errors import UsageError
from zhinao.family import CHAT_TEMPLATE
from zhinao.model.tokenizer import Tokenizer
from zhinao.prompt.conversation import render

PLACE = Place("train.jsonl", 7, 7)
SYSTEM = "<|im_start|>system\nS<|im_end|>\n"
# A template in the manner of distilled reasoning models: it opens the thought itself and shows none of them later.
OPENS_THOUGHT = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{{ '<|im_start|>assistant\n' + m.content.split('</think>')[-1] + '<|im_end|>\n' }}"
    "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)
# One frame for the answers that follow one another, so that frames and messages cannot be counted against each other.
MERGES = (
    "{% for m in messages %}{% if m.role != 'assistant' %}{{ '[' + m.role + ']' + m.content }}{% else %}"
    "{% generation %}{{ m.content + '<eod>' }}{% endgeneration %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{% endif %}"
)
plain = ByteTokenizer()


def system(text="S"):
    return {"role": "system", "content": text}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, thought=None, **more):
    return {"role": "assistant", "content": text, **({"reasoning_content": thought} if thought else {}), **more}


def chat(*messages, **more):
    return Sample("chat", PLACE, list(messages), **more)


def marked(document: Encoded, tokenizer) -> str:
    text = ""
    pairs = zip(document.ids.tolist(), document.weights.tolist(), strict=True)
    for weight, group in itertools.groupby(pairs, key=lambda pair: pair[1]):
        part = tokenizer.decode([number for number, _ in group], skip_control=False)
        text += part if not weight else f"[{part}]" if weight == 1 else f"[{weight:g}:{part}]"
    return text


def texts(sample, tokenizer=plain, **how) -> list[str]:
    made = encode(sample, tokenizer, Choices(**how))
    assert not isinstance(made, Fault), made
    return [marked(document, tokenizer) for document in made]


def fault(sample, tokenizer=plain, **how) -> str:
    made = encode(sample, tokenizer, Choices(**how))
    assert isinstance(made, Fault)
    return str(made)


def question(text):
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def test_every_answer_and_its_end_token():
    sample = chat(system(), user("a"), assistant("b"), user("c"), assistant("d"))
    (document,) = encode(sample, plain, Choices())
    wanted = f"{SYSTEM}{question('a')}[b<|im_end|>]\n{question('c')}[d<|im_end|>]"
    assert marked(document, plain) == wanted
    assert document.ids.tolist() == plain.encode(wanted.replace("[", "").replace("]", ""), control=True)
    assert document.ids.dtype == "int32" and document.weights.dtype == "float32"
    assert document.num_supervised == 4 and document.place == PLACE
    ends = [n + 1 for n, weight in enumerate(document.weights) if weight and document.ids[n] > 256]
    assert document.turns == tuple(ends)


def test_demo_tokenizer_token_by_token(demo):
    tokenizer = Tokenizer.load(demo)
    (document,) = encode(chat(system("Be brief."), user("Hi!"), assistant("Hello there")), tokenizer, Choices())
    tokens = [tokenizer.decode([number], skip_control=False) for number in document.ids.tolist()]
    frames = ("<|im_start|> system \n", "<|im_start|> user \n", "<|im_start|> ass istant \n")
    system_frame, user_frame, assistant_frame = (frame.split(" ") for frame in frames)
    end = "<|im_end|>"
    wanted = [*system_frame, "Be", " brief", ".", end, "\n", *user_frame, "Hi", "!", end, "\n", *assistant_frame]
    assert tokens == [*wanted, "Hello", " there", end]
    assert document.weights.tolist() == [0] * 19 + [1, 1, 1]


def test_tiny_tokenizer_token_by_token(tmp_path):
    tokenizer = Tokenizer.load(make_tokenizer(tmp_path))
    (document,) = encode(chat(user("the"), assistant("你好，")), tokenizer, Choices())
    named = [tokenizer.id_to_token(number) for number in document.ids.tolist()]
    start, end = named.index("<|im_start|>"), len(named) - 1
    assert named[start] == "<|im_start|>" and named[end] == "<|im_end|>"
    trained = [number for number, weight in zip(document.ids.tolist(), document.weights, strict=True) if weight]
    assert trained == [*tokenizer.encode("你好，"), tokenizer.token_to_id("<|im_end|>")]
    assert document.weights.tolist() == [0] * (len(named) - len(trained)) + [1] * len(trained)


def test_ids_are_what_the_server_renders(demo):
    """Also without the default system message, which the template puts in."""
    tokenizer = Tokenizer.load(demo)
    messages = [user("Hi"), assistant("Hello"), user("Bye"), assistant("So long")]
    (document,) = encode(chat(*messages), tokenizer, Choices())
    prompt = render(messages[:3], tokenizer).ids
    assert document.ids[: len(prompt)].tolist() == prompt
    assert document.ids[len(prompt) :].tolist() == [*tokenizer.encode("So long"), 2]


def test_answers_in_a_row_calls_and_responses():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    tool = {"role": "tool", "tool_call_id": "1", "content": "42"}
    sample = chat(system(), user("a"), assistant("", tool_calls=[call]), tool, assistant("b"), assistant("c"))
    called = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
    response = question("<tool_response>\n42\n</tool_response>")
    follows = "\n<|im_start|>assistant\n[c<|im_end|>]"
    assert texts(sample) == [f"{SYSTEM}{question('a')}[{called}<|im_end|>]\n{response}[b<|im_end|>]{follows}"]
    weighed = chat(system(), user("a"), assistant("b"), assistant("c", weight=0), assistant("d"))
    frame = "\n<|im_start|>assistant\n"
    assert texts(weighed) == [f"{SYSTEM}{question('a')}[b<|im_end|>]{frame}c<|im_end|>{frame}[d<|im_end|>]"]


def test_frames_that_are_not_one_a_message_are_told_apart_by_rendering():
    tokenizer = ByteTokenizer(MERGES)
    sample = chat(user("q"), assistant("a"), assistant("b", weight=0.5), user("r"), assistant("c"))
    assert texts(sample, tokenizer) == ["[user]q[a<eod>][0.5:b<eod>][user]r[c<eod>]"]
    assert texts(sample, tokenizer, train_on="last") == ["[user]qa<eod>b<eod>[user]r[c<eod>]"]


def test_weights_of_messages():
    sample = chat(
        system(),
        user("a"),
        assistant("b", weight=0.5),
        user(
            "c",
        ),
        assistant("d", weight=0),
    )
    assert texts(sample) == [f"{SYSTEM}{question('a')}[0.5:b<|im_end|>]"]  # what follows would teach nothing
    assert "weight" in sample.messages[2]
    for wrong in (-1, "1", float("nan")):
        assert "line 7, messages[1].weight" in fault(chat(user("a"), assistant("b", weight=wrong)))


def test_last_turn_only():
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    tool = {"role": "tool", "content": "42"}
    sample = chat(
        system(), user("a"), assistant("b"), user("c"), assistant("d", tool_calls=[call]), tool, assistant("e")
    )
    (text,) = texts(sample, train_on="last")
    assert text.count("[") == 2 and "]" in text.partition("d")[2]
    assert "b<|im_end|>" in text and "[b" not in text
    (text,) = texts(chat(user("a"), assistant("b"), user("c")), train_on="last")
    assert text.endswith("[b<|im_end|>]")


def test_no_question_behind_the_last_answer_changes_anything():
    messages = [system(), user("a"), assistant("b")]
    assert texts(chat(*messages, user("c"))) == texts(chat(*messages))


@pytest.mark.parametrize("template", [None, CHAT_TEMPLATE])
@pytest.mark.parametrize("is_inline", [False, True])
def test_thoughts_as_served(template, is_inline):
    def said(text, thought):
        return assistant(f"<think>\n{thought}\n</think>\n\n{text}") if is_inline else assistant(text, thought)

    tokenizer = ByteTokenizer(template)
    sample = chat(system(), user("a"), said("b", "T"), user("c"), said("d", "U"))
    first = f"{SYSTEM}{question('a')}"
    assert texts(sample, tokenizer) == [
        f"{first}[<think>\nT\n</think>\n\nb<|im_end|>]",
        f"{first}b<|im_end|>\n{question('c')}[<think>\nU\n</think>\n\nd<|im_end|>]",
    ]
    assert texts(sample, tokenizer, thoughts="last") == texts(sample, tokenizer)[1:]
    assert texts(sample, tokenizer, train_on="last") == texts(sample, tokenizer)[1:]
    assert texts(sample, tokenizer, thoughts="drop") == [f"{first}[b<|im_end|>]\n{question('c')}[d<|im_end|>]"]
    untrained = texts(sample, tokenizer, train_thoughts=False)
    assert untrained[1].endswith("<think>\nU\n</think>[\n\nd<|im_end|>]")


def test_turns_that_stay_as_they_were_served_share_a_document():
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    tool = {"role": "tool", "content": "42"}
    answers = [assistant("b", "T", tool_calls=[call]), tool, assistant("c", "U")]
    sample = chat(user("0"), assistant("1"), user("a"), *answers, user("d"), assistant("e"))
    one, two = encode(sample, plain, Choices())
    trained = marked(one, plain)
    assert (
        "[1<|im_end|>]" in trained
        and "[<think>\nT\n</think>\n\nb" in trained
        and "[<think>\nU\n</think>\n\nc" in trained
    )
    assert len(one.turns) == 3
    assert "T" not in marked(two, plain) and marked(two, plain).count("[") == 1
    assert one.num_supervised + two.num_supervised == sum(
        len(plain.encode(text, control=True))
        for text in (
            "1<|im_end|>",
            '<think>\nT\n</think>\n\nb\n<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call><|im_end|>',
            "<think>\nU\n</think>\n\nc<|im_end|>",
            "e<|im_end|>",
        )
    )


def test_a_template_that_opens_thoughts_and_shows_none():
    tokenizer = ByteTokenizer(OPENS_THOUGHT)
    sample = chat(user("a"), assistant("b", "T"), user("c"), assistant("<think>U</think>d"))
    ask = question
    assert texts(sample, tokenizer) == [
        f"{ask('a')}<think>\n[T\n</think>\n\nb<|im_end|>]",
        f"{ask('a')}b<|im_end|>\n{ask('c')}<think>\n[U\n</think>\n\nd<|im_end|>]",
    ]
    for document in encode(sample, tokenizer, Choices()):
        prompt = render([user("a")], tokenizer).ids
        assert document.ids[: len(prompt) - 2].tolist() == prompt[:-2]
    assert texts(sample, tokenizer, train_thoughts=False)[0] == f"{ask('a')}<think>\nT\n</think>[\n\nb<|im_end|>]"
    # The server opens a thought before an answer without one too: it is closed at once.
    assert texts(chat(user("a"), assistant("b")), tokenizer) == [f"{ask('a')}<think>\n[\n</think>\n\nb<|im_end|>]"]


def test_a_template_that_knows_no_thoughts(demo):
    tokenizer = Tokenizer.load(demo)
    sample = chat(system(), user("a"), assistant("b", "T"), user("c"), assistant("d", "U"))
    first, second = texts(sample, tokenizer)
    assert first.endswith("assistant\n[<think>\nT\n</think>\n\nb<|im_end|>]")
    assert second.endswith("assistant\nb<|im_end|>\n" + question("c") + "[<think>\nU\n</think>\n\nd<|im_end|>]")
    assert texts(sample, tokenizer, train_thoughts=False)[0].partition("[")[2] in ("\n\nb<|im_end|>]", "b<|im_end|>]")


def test_a_template_that_words_thoughts_in_its_own_way():
    template = (
        "{% for m in messages %}{% if m.role == 'assistant' %}<|im_start|>assistant\n{% if m.reasoning_content %}"
        "{{ 'Because ' + m.reasoning_content + ': ' }}{% endif %}{{ m.content }}<|im_end|>\n"
        "{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    sample, tokenizer = chat(user("a"), assistant("b", "T")), ByteTokenizer(template)
    assert texts(sample, tokenizer) == ["a<|im_start|>assistant\n[Because T: b<|im_end|>]"]
    assert texts(sample, tokenizer, train_thoughts=False) == ["a<|im_start|>assistant\nBecause T[: b<|im_end|>]"]


def test_a_thought_that_was_never_opened_and_one_that_never_ends():
    inline = chat(user("a"), assistant("T\n</think>\n\nb"))
    assert texts(inline)[0].endswith("[<think>\nT\n</think>\n\nb<|im_end|>]")
    assert "messages[1].content: the thought never ends" in fault(chat(user("a"), assistant("<think>T")))


def test_text_and_completion():
    assert texts(Sample("text", PLACE, text="ab<eod>")) == ["a[b<eod><eod>]"]
    ids = encode(Sample("text", PLACE, text="ab<eod>"), plain, Choices())[0].ids.tolist()
    assert ids == [*b"ab<eod>", plain.eos_id]  # of the two, the first is text
    completion = Sample("completion", PLACE, prompt="ab", completion="cd")
    assert texts(completion) == ["ab[cd<eod>]"]
    assert texts(Sample("completion", PLACE, prompt="", completion="cd")) == ["c[d<eod>]"]


def test_content_never_becomes_control(demo):
    tokenizer = Tokenizer.load(demo)
    for sample in (
        chat(user("<|im_end|>"), assistant("<|im_start|>user")),
        Sample("text", PLACE, text="<|im_end|>x"),
        Sample("completion", PLACE, prompt="<|im_start|>", completion="<|im_end|>"),
    ):
        (document,) = encode(sample, tokenizer, Choices())
        control = [n for n in document.ids.tolist() if n in (1, 2)]
        assert control == ([1, 2] * 3 if sample.kind == "chat" else [2])
        assert document.ids[-1] == 2


def test_nothing_to_learn_is_a_fault():
    for sample in (
        chat(user("a")),
        chat(system(), user("a"), assistant("b", weight=0)),
        Sample("text", PLACE, text=""),
        Sample("completion", PLACE, prompt="a", completion=""),
    ):
        assert fault(sample) == "train.jsonl, line 7: no token of it would be trained"
    assert "zhinao prefer" in fault(Sample("preference", PLACE, [user("a")]))


def test_bad_messages_are_faults_with_their_place():
    assert "train.jsonl, line 7, messages: Message 2.role: 'bot' is unknown" in fault(chat(user("a"), {"role": "bot"}))
    refusing = ByteTokenizer("{{ raise_exception('roles must alternate') }}")
    assert "train.jsonl, line 7: The checkpoint's chat template cannot" in fault(
        chat(user("a"), assistant("b")), refusing
    )


def test_what_is_the_tokenizers_fault_is_no_fault_of_the_sample():
    silent = ByteTokenizer("{% for m in messages %}{{ m.content }}{% endfor %}")
    with pytest.raises(UsageError, match="does not show which tokens"):
        encode(chat(user("a"), assistant("b")), silent, Choices())
    endless = ByteTokenizer()
    endless.eos_id = None
    with pytest.raises(UsageError, match="names no end token"):
        encode(Sample("text", PLACE, text="a"), endless, Choices())


def test_choices_that_do_not_exist():
    for wrong in ({"train_on": "first"}, {"thoughts": "keep"}):
        with pytest.raises(UsageError, match="unknown"):
            Choices(**wrong)


@pytest.mark.parametrize("template", [None, CHAT_TEMPLATE, OPENS_THOUGHT])
def test_preference_answers_follow_the_served_prompt(template):
    tokenizer = ByteTokenizer(template)
    messages = [system(), user("a"), assistant("b", "T"), user("c")]
    sample = Sample("preference", PLACE, messages, chosen=[assistant("d", "U")], rejected=[assistant("e\n")])
    prompt, chosen, rejected = encode_preference(sample, tokenizer, Choices())
    assert prompt == render(messages, tokenizer).ids
    opened = template == OPENS_THOUGHT
    text = tokenizer.decode(chosen, skip_control=False)
    assert text == ("U\n</think>\n\nd<|im_end|>" if opened else "<think>\nU\n</think>\n\nd<|im_end|>")
    text = tokenizer.decode(rejected, skip_control=False)
    assert text == ("\n</think>\n\ne\n<|im_end|>" if opened else "e\n<|im_end|>")
    dropped = encode_preference(sample, tokenizer, Choices(thoughts="drop"))[1]
    assert "U" not in tokenizer.decode(dropped, skip_control=False)


def test_preference_faults():
    def pair(chosen, rejected):
        return str(
            encode_preference(Sample("preference", PLACE, [user("a")], None, chosen, rejected), plain, Choices())
        )

    assert pair([assistant("b")], [assistant("b")]) == "train.jsonl, line 7, rejected: is the same as chosen"
    assert "chosen: must be one message of the assistant" in pair([user("b")], [assistant("c")])
    assert "rejected: must be one message of the assistant" in pair([assistant("b")], [])
    assert "rejected: Message 1.content" in pair([assistant("b")], [{"role": "assistant", "content": 3}])


def agent(num_calls, **last):
    """A question, that many thinking calls with their responses, an answer; and before it another exchange."""
    messages = [user("0"), assistant("1", "Z"), user("a")]
    for n in range(num_calls):
        call = {"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages.append(assistant("", f"T{n}", tool_calls=[call], weight=n != 1))
        messages.append({"role": "tool", "tool_call_id": f"c{n}", "content": str(n)})
    return chat(*messages, assistant("b", "U", **last))


@pytest.mark.parametrize("template", [None, CHAT_TEMPLATE, OPENS_THOUGHT, MERGES])
@pytest.mark.parametrize("how", [Choices(), Choices("last"), Choices(train_thoughts=False)])
def test_an_agents_many_calls_rendered_at_once_are_the_same(template, how, monkeypatch):
    tokenizer, sample = ByteTokenizer(template), agent(5)
    at_once = encode(sample, tokenizer, how)
    monkeypatch.setattr(dialogue, "_NUM_ONE_BY_ONE", 1000)
    one_by_one = encode(sample, tokenizer, how)
    assert [(d.ids.tolist(), d.weights.tolist(), d.turns) for d in at_once] == [
        (d.ids.tolist(), d.weights.tolist(), d.turns) for d in one_by_one
    ]


def test_an_agents_many_calls_are_not_rendered_one_by_one(monkeypatch):
    rendered = []
    for module in (dialogue,):
        monkeypatch.setattr(module, "render", lambda *args, **more: (rendered.append(1), render(*args, **more))[1])
    documents = encode(agent(30), plain, Choices())
    assert len(documents) == 2 and len(documents[1].turns) == 30
    assert marked(documents[1], plain).count("[<think>\nT") == 29
    assert len(rendered) <= 8


said = st.text(alphabet="ab\n你<", min_size=1, max_size=6).map(lambda text: "x" + text)
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
exchanges = st.lists(
    st.tuples(said, st.lists(st.tuples(said, st.none() | said, st.booleans()), min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("template", [None, CHAT_TEMPLATE, OPENS_THOUGHT, MERGES])
@given(exchanges=exchanges)
@settings(deadline=None, max_examples=40)
def test_each_answer_is_trained_once_behind_the_prompt_that_the_server_sends(template, exchanges):
    """Whatever the conversation: before each trained answer stand exactly the ids of the served prompt."""
    tokenizer, messages, answers = ByteTokenizer(template), [], []
    for asked, replies in exchanges:
        messages.append(user(asked))
        for text, thought, calls in replies:
            prompt = render(messages, tokenizer).ids
            messages.append(assistant(text, thought, **({"tool_calls": [CALL]} if calls else {})))
            answers.append((prompt, thought))
            if calls:
                messages.append({"role": "tool", "tool_call_id": "1", "content": "42"})
    trained = []
    for document in encode(chat(*messages), tokenizer, Choices()):
        start = 0
        for end in document.turns:
            first = start + int(np.flatnonzero(document.weights[start:end])[0])
            assert document.weights[first:end].all()
            trained.append((document.ids[:first].tolist(), document.ids[first:end].tolist()))
            start = end
    assert len(trained) == len(answers)
    for (before, answer), (prompt, thought) in zip(trained, answers, strict=True):
        assert before == prompt
        assert (thought or "").strip() in tokenizer.decode(answer, skip_control=False)
        assert answer[-1] in (tokenizer.control_tokens["<|im_end|>"], tokenizer.eos_id)
