"""The real terminal on a model that says what is written down: keys are pressed, screens are looked at."""

import json
import os
import stat

import pytest
from tests.chat.screen import ALT_ENTER, BACKSPACE, CTRL_C, CTRL_D, ENTER, TAB, UP, Screen, terminal


@pytest.fixture
def open_chat(tmp_path):
    """`open_chat(says, **settings)` gives the screen of a running chat; it is closed at the end."""
    opened: list[Screen] = []

    def start(says, **settings) -> Screen:
        opened.append(terminal(tmp_path / "home", says, **settings))
        return opened[-1]

    yield start
    for screen in opened:
        screen.close()


def leave(screen: Screen) -> dict:
    """Leave by Ctrl-D; the exit code and the prompts that the engine was given."""
    screen.press(CTRL_D)
    assert screen.end() == 0
    line = screen.raw.decode(errors="replace").rsplit('{"code"', 1)[1].splitlines()[0]
    return json.loads('{"code"' + line)


def asked(prompt: str) -> list[str]:
    """What the turns of a ChatML prompt say, without the system message."""
    frames = [frame.split("<|im_end|>")[0] for frame in prompt.split("<|im_start|>")[1:]]
    return [frame for frame in frames if not frame.startswith("system") and frame != "assistant\n"]


def test_a_conversation_with_chinese_editing_and_markdown(open_chat):
    chat = open_chat(["# 标题\n\n**粗** `码`\n\n```python\nx = 1\n```\n", "two"])
    chat.press("你好吗", BACKSPACE, "么", "\x1b[D", "，", ENTER).until("标题", "x = 1")
    assert not {"# 标题", "**粗**", "```"} & set(chat.lines)
    chat.press("next", ENTER).until("two", "tokens/s")
    prompts = leave(chat)["prompts"]
    assert asked(prompts[0]) == ["user\n你好，么"]
    assert asked(prompts[1]) == [
        "user\n你好，么",
        "assistant\n# 标题\n\n**粗** `码`\n\n```python\nx = 1\n```\n",
        "user\nnext",
    ]


def test_ctrl_c_while_it_thinks_asks_for_the_answer(open_chat):
    chat = open_chat(["<think>hm, let me see STOP", "It is 3."], thinks=True, hold="see")
    chat.press("1+2?", ENTER).until("let me see", "Ctrl-C: answer now")
    chat.press(CTRL_C).until("It is 3.", "thought for", "thinking was cut short")
    assert "let me see" not in chat.text  # folded
    chat.press("/think show", ENTER).until("hm, let me see")
    prompts = leave(chat)["prompts"]
    assert prompts[1].endswith("hm, let me see\n\nI will stop thinking here and give the answer now.\n</think>\n\n")


def test_two_ctrl_c_while_it_thinks_stop(open_chat):
    chat = open_chat(["<think>hm STOP", "wait STOP", "fine"], thinks=True, hold=" ")
    chat.press("why", ENTER).until("Ctrl-C: answer now")
    chat.press(CTRL_C).until("thought for")
    chat.press(CTRL_C).until("stopped; /retry")
    chat.press("ok", ENTER).until("fine")
    assert asked(leave(chat)["prompts"][-1]) == ["user\nwhy", "assistant\nwait ", "user\nok"]


def test_ctrl_c_while_it_answers_keeps_the_part(open_chat):
    chat = open_chat(["one two three", "four"], hold="two")
    chat.press("count", ENTER).until("one two")
    chat.press(CTRL_C).until("stopped; /retry")
    chat.press("go on", ENTER).until("four")
    assert asked(leave(chat)["prompts"][1]) == ["user\ncount", "assistant\none two", "user\ngo on"]


def test_stopped_before_a_word_leaves_no_half_turn(open_chat):
    chat = open_chat(["never seen", "A", "B"], delay=1)
    chat.press("first", ENTER).until("…").press(CTRL_C).until("stopped; /retry")
    chat.press("/retry", ENTER).until("A").press("next", ENTER).until("B", seconds=30)  # typed ahead
    chat.until_gone("…").settle(1.5)
    prompts = leave(chat)["prompts"]
    assert [asked(p) for p in prompts] == [
        ["user\nfirst"],
        ["user\nfirst"],
        ["user\nfirst", "assistant\nA", "user\nnext"],
    ]


def test_a_failed_turn_leaves_nothing_and_the_question_comes_back(open_chat):
    chat = open_chat(["partCRASH", "good"])
    chat.press("first", ENTER).until("part", "the engine was restarted", "› first")
    chat.press(ENTER).until("good")
    assert [asked(p) for p in leave(chat)["prompts"]] == [["user\nfirst"], ["user\nfirst"]]


def test_ctrl_c_at_the_prompt_clears_then_leaves(open_chat):
    chat = open_chat([])
    chat.press("draft").until("› draft").press(CTRL_C).until_gone("draft")
    chat.press(CTRL_C).until("Ctrl-C again leaves")
    chat.press("x", BACKSPACE).until_gone("again leaves")
    chat.press(CTRL_C, CTRL_C)
    assert chat.end() == 0


def test_quit(open_chat):
    chat = open_chat([])
    chat.press("/quit", ENTER)
    assert chat.end() == 0


def test_tab_completes_commands_settings_and_files(open_chat, tmp_path):
    (tmp_path / "saved-chat.json").write_text(
        '[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]'
    )
    chat = open_chat([], columns=200)
    chat.press("/st", TAB).until("› /stats").press(CTRL_C)
    chat.press("/set temp", TAB).until("› /set temperature").press(CTRL_C)
    chat.press(f"/load {tmp_path}/sav", TAB).until("saved-chat.json").press(ENTER).until("2 messages")


def test_several_lines_and_pasting(open_chat):
    chat = open_chat(["ok", "ok2", "ok3"])
    chat.press("a\\", ENTER, "b", ALT_ENTER, "c", ENTER).until("ok")
    chat.press("\x1b[200~def f():\n    return 1\n\n# 好\x1b[201~").until("return 1").settle()
    assert "ok2" not in chat.text
    chat.press(ENTER).until("ok2")
    first, second = leave(chat)["prompts"]
    assert asked(first) == ["user\na\nb\nc"]
    assert asked(second)[-1] == "user\ndef f():\n    return 1\n\n# 好"


def test_history_over_runs_is_private(open_chat, tmp_path):
    chat = open_chat(["ok"])
    chat.press("remember 我", ENTER).until("ok")
    leave(chat)
    file = tmp_path / "home" / "chat_history"
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    again = open_chat(["ok"])
    again.press(UP).until("› remember 我")


def test_bad_commands_are_sentences(open_chat, tmp_path):
    (tmp_path / "bad.json").write_text("{nope")
    (tmp_path / "half.json").write_text('[{"role": "user", "content": "q"}]')
    (tmp_path / "odd.json").write_text('[{"role": "bot", "content": "q"}]')
    chat = open_chat([], columns=200)
    for line, sentence in (
        ("/rtry", "Unknown command /rtry.\n  → did you mean /retry?"),
        ("/xyzzy", "/help lists them"),
        ("/set temprature 1", "did you mean temperature?"),
        ("/set temperature hot", "temperature is 'hot'; it must be a number"),
        ("/set top_p 3", "top_p is 3; allowed"),
        ("/set temperature 9", "temperature is 9; allowed: 0 … 2.\n  → temperature stays: 1.0"),
        ("/set system be brief", "/system TEXT"),
        ("/set seed", "seed needs a value"),
        (f"/save {tmp_path}/c", "what kind of file is meant"),
        (f"/save {tmp_path}/c.docx", "/save c.json, which /load reads"),
        ("/think much", "/think much: cannot be meant"),
        ("/think budget x", "/think budget x: cannot be meant"),
        ("/undo", "There is no turn yet"),
        ("/retry", "There is no turn yet"),
        ("/edit", "There is no turn yet"),
        ("/save", "A file name is missing"),
        (f"/load {tmp_path}/none.json", "cannot be read"),
        (f"/load {tmp_path}/bad.json", "bad.json, line 1: not JSON"),
        (f"/load {tmp_path}/half.json", "the last message has no answer"),
        (f"/load {tmp_path}/odd.json", "odd.json: Message 1.role: 'bot' is unknown"),
        (f"/save {tmp_path}/bad.json/x.json", "there is no such folder"),
    ):
        chat.press(line, ENTER).until(sentence)
    assert "Traceback" not in chat.text


def test_commands_change_the_conversation(open_chat, tmp_path):
    chat = open_chat(["one", "two", "three", "four"], columns=200)
    chat.press("/system Be brief.", ENTER, "/set temperature 0.5", ENTER).until("temperature = 0.5")
    chat.press("first", ENTER).until("one").press("/retry", ENTER).until("two")
    chat.press(f"/save {tmp_path}/c.json", ENTER, f"/save {tmp_path}/c.md", ENTER).until("c.md")
    chat.press("/edit", ENTER).until("› first").press(" more", ENTER).until("three")
    chat.press("/undo", ENTER).until("taken back: first more")
    chat.press(f"/load {tmp_path}/c.json", ENTER).until("2 messages").press("//last", ENTER).until("four")
    chat.press("/help", ENTER).until("/stats", "Alt-Enter").press("/clear", ENTER).until("cleared")
    prompts = leave(chat)["prompts"]
    assert [asked(p) for p in prompts] == [
        ["user\nfirst"],
        ["user\nfirst"],
        ["user\nfirst more"],
        ["user\nfirst", "assistant\ntwo", "user\n/last"],
    ]
    assert all(prompt.startswith("<|im_start|>system\nBe brief.<|im_end|>") for prompt in prompts)
    saved = json.loads((tmp_path / "c.json").read_text())
    assert saved["settings"] == {"temperature": 0.5}
    assert [m["content"] for m in saved["messages"]] == ["Be brief.", "first", "two"]
    assert (
        tmp_path / "c.md"
    ).read_text() == "# fake\n\n## system\n\nBe brief.\n\n## user\n\nfirst\n\n## assistant\n\ntwo\n"


def test_settings_in_force_are_shown_with_where_they_come_from(open_chat):
    chat = open_chat([], sampling={"temperature": 0.7, "top_k": 20}, sampling_source="Qwen2.5", columns=120)
    chat.until("sampling as advised for Qwen2.5, for the file names none: temperature 0.7 · top_k 20")
    chat.press("/set temperature 15", ENTER).until("allowed: 0 … 2", "temperature stays: 0.7")
    chat.press("/set top_p 0.5", ENTER).until("top_p = 0.5  (set here)")
    chat.press("/set", ENTER).until("temperature = 0.7  (Qwen2.5)", "top_k = 20  (Qwen2.5)", "presence_penalty = 0.0")
    chat.until("max_tokens = no limit", "stop = none", "seed = a fresh one")


def test_what_is_typed_while_it_answers_waits_for_the_next_line(open_chat):
    chat = open_chat(["one two three", "three"], hold="two")
    chat.press("count", ENTER).until("one two")
    chat.press("\x1b[200~def 草稿():\r    return 1\x1b[201~").press(CTRL_C).until("stopped; /retry", "› def 草稿():")
    chat.press(ENTER).until("three")
    assert asked(leave(chat)["prompts"][1])[-1] == "user\ndef 草稿():\n    return 1"


def test_save_asks_before_it_overwrites_a_file_of_another_time(open_chat, tmp_path):
    (tmp_path / "a.json").write_text("precious")
    chat = open_chat(["one", "two"], columns=160)
    chat.press("q", ENTER).until("one")
    chat.press(f"/save {tmp_path}/a.json", ENTER).until("is there already. Overwrite it?").press(ENTER).until(
        "not saved"
    )
    assert (tmp_path / "a.json").read_text() == "precious"
    chat.press(f"/save {tmp_path}/a.json", ENTER).until("[y/N]").press("y", ENTER).until("saved: ")
    chat.press("r", ENTER).until("two").press(f"/save {tmp_path}/a.json", ENTER).settle()
    assert len(json.loads((tmp_path / "a.json").read_text())["messages"]) == 4  # its own file: not asked again
    chat.press(f"/save {tmp_path}/a.txt", ENTER).until("a.txt")
    assert (tmp_path / "a.txt").read_text().startswith("# fake\n\n## user\n\nq\n")


def test_save_makes_no_folder(open_chat, tmp_path):
    chat = open_chat(["one"], columns=160).press("q", ENTER).until("one")
    chat.press(f"/save {tmp_path}/nix/x.json", ENTER).until("there is no such folder")
    chat.press(f"/save {tmp_path}", ENTER).until("it is a folder")
    assert not (tmp_path / "nix").exists()


def test_the_system_message_is_seen(open_chat, tmp_path):
    saved = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "q"}]
    saved = {"messages": [*saved, {"role": "assistant", "content": "a"}], "settings": {"top_k": 3}}
    (tmp_path / "old.json").write_text(json.dumps(saved))
    chat = open_chat([], columns=160, system="Be brief.").until("system: Be brief.")
    chat.press(f"/load {tmp_path}/old.json", ENTER).until(
        "2 messages", "system: You are a pirate.", "top_k = 3", "> q", "  a"
    )
    chat.press("/system Be kind.", ENTER).until("from the next question on; /clear begins a new one")
    chat.press("/clear", ENTER).until("cleared").press("/system Be calm.", ENTER).settle()
    assert chat.text.count("from the next question on") == 1


def test_a_model_that_knows_no_chinese_says_so_with_the_way_out(open_chat):
    chat = open_chat(["x", "y"], lang="zh", languages=["en"]).until("只懂英文", "zhinao chat qwen2.5-0.5b", "1.0 GB")
    chat.press("你好", ENTER).until("x", "tokens/s")
    assert chat.text.count("只懂英文") == 1
    english = open_chat(["x", "y"], languages=["en"])
    english.press("hello", ENTER).until("x", "tokens/s")
    assert "knows English only" not in english.text
    english.press("你好", ENTER).until("knows English only", "qwen2.5-0.5b")
    assert "只懂英文" not in open_chat([], lang="zh", languages=["zh", "en"]).settle().text


def test_help_folds_within_its_columns(open_chat):
    chat = open_chat([], columns=40, rows=60, lang="zh")
    chat.press("/help", ENTER).until("速度与上下文", "Ctrl-D：退出")
    assert any(line.startswith("/stats") and line.endswith("速度与上下文") for line in chat.lines)


def test_a_failed_retry_keeps_the_old_answer(open_chat):
    chat = open_chat(["one", "CRASH", "two"])
    chat.press("first", ENTER).until("one").press("/retry", ENTER).until("restarted").press(CTRL_C)
    chat.press("next", ENTER).until("two")
    assert asked(leave(chat)["prompts"][-1]) == ["user\nfirst", "assistant\none", "user\nnext"]


def test_ways_to_show_a_thought(open_chat):
    said = "<think>\nfirst line\nsecond line\n</think>\n\nanswer "
    chat = open_chat([said + "1", said + "2", "<think>long thought", "3", "4"], thinks=True)
    chat.press("q", ENTER).until("answer 1", "▸ thought for")
    assert "second line" not in chat.text
    chat.press("/think show", ENTER).until("thoughts: show").press("/clear", ENTER, "q", ENTER).until("answer 2")
    assert chat.text.count("second line") == 2
    chat.press("/think hide", ENTER, "/think budget 4", ENTER).until("thinking budget: 4").press("q", ENTER)
    chat.until("the thinking budget is used up", "3").press("/think budget off", ENTER).until("budget: off")


def test_a_thought_without_an_opening_is_reclassified(open_chat):
    chat = open_chat(["so it is\n\nthree</think>\n\nthree!"], thinks=True)
    chat.press("q", ENTER).until("three!", "this was the thought")


def test_an_answer_higher_than_the_screen_is_printed_once(open_chat):
    code = "```python\n" + "".join(f"x{n:02} = {n}\n" for n in range(60)) + "```\n"
    chat = open_chat([code + "\nafter"], rows=14, columns=60, delay=0.0005)
    chat.press("q", ENTER).until("after", "context 608")
    assert [line for line in chat.lines if line.startswith("x")] == [f"x{n:02} = {n}" for n in range(60)]
    assert b"\x1b[2J" not in chat.raw.split(b"x00")[1]  # the screen is never cleared


def test_long_chinese_lines_are_wrapped_not_scrambled(open_chat):
    text = "春江潮水连海平海上明月共潮生" * 8
    chat = open_chat([text], columns=41, delay=0.0005)
    chat.press("q", ENTER).until("99,605 left")
    assert "".join(line.strip() for line in chat.lines if "春" in line or "潮" in line) == text


def test_model_text_cannot_steer_the_terminal(open_chat):
    chat = open_chat(["a\x1b[2J\x1b]0;gotcha\x07b\x9b31m"])
    chat.press("q", ENTER).until("a[2J")
    assert b"\x1b]0;gotcha" not in chat.raw and b"\x1b[2J\x1b]" not in chat.raw


def test_context_that_is_full_is_a_sentence(open_chat):
    chat = open_chat(["ok"], num_context_tokens=120)
    chat.press("x" * 100, ENTER).until("the model's context holds 120", "› xxx")
    chat.press(CTRL_C, "y", ENTER).until("ok", "left")


def test_chinese_interface(open_chat):
    chat = open_chat(["<think>想</think>答", "x"], thinks=True, lang="zh")
    chat.until("上下文").press("问", ENTER).until("答", "▸ 思考").press("/hlp", ENTER).until(
        "未知的命令", "是否想输入 /help"
    )
