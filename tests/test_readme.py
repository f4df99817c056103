"""The README's Python blocks run as they stand, but for the model's name and the length of the answers."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.S)


def without_comments(block: str) -> list[str]:
    return [line.partition("  #")[0].strip() for line in block.splitlines()]


@pytest.mark.parametrize("number", range(len(blocks(PAGES["README.md"], "python"))))
def test_python_blocks_run(number, demo, capsys):
    code = blocks(PAGES["README.md"], "python")[number]
    code = re.sub(r'"(7b[^"]*)"', '"smollm2-135m"', code)
    code = code.replace("qihoo360/360Zhinao3-7B-Instruct", str(demo))
    code = re.sub(r"=(1024|2048)\)", "=16)", code)
    code = code.replace("model.chat(messages, thinking_budget=16)", "model.chat(messages, max_tokens=16)")
    space = {}
    exec(code, space)
    if "AutoModelForCausalLM" in code:
        assert type(space["model"]).__name__ == "ZhinaoForCausalLM"
    else:
        space["model"].close()
        assert capsys.readouterr().out.strip()


def test_both_languages_show_the_same_code():
    english, chinese = (
        [without_comments(b) for language in ("python", "shell") for b in blocks(page, language)]
        for page in PAGES.values()
    )
    chinese = [[line.replace("解释一下", "explain").rstrip() for line in block] for block in chinese]
    assert english == chinese


def test_commands_of_the_readme_exist():
    from zhinao.arguments import inner_parsers
    from zhinao.cli import VERBS, build_parser, verb_parser

    lines = [line for block in blocks(PAGES["README.md"], "shell") for line in without_comments(block)]
    for line in lines:
        line = line.partition("--engine vllm")[0]  # what follows is vLLM's
        if match := re.search(r"zhinao ([\w-]+)(.*)", line):
            flags, words = re.findall(r"--[\w-]+", match[2]), match[2].split()
            assert match[1] in VERBS
            parser = verb_parser(build_parser(match[1]), match[1])
            known = set(parser._option_string_actions)
            if inner := inner_parsers(parser):
                inner[words[0]].fill()
                known |= inner[words[0]]._option_string_actions.keys()
            if match[1] == "launch":  # the flags of the verb that it starts
                known |= verb_parser(build_parser("finetune"), "finetune")._option_string_actions.keys()
            assert set(flags) <= known, line


def test_make_targets_of_the_readme_exist():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    used = re.findall(r"^make ([\w-]+)", "\n".join(blocks(PAGES["README.md"], "shell")), re.M)
    assert used and set(used) <= set(targets)


@pytest.mark.parametrize("name", PAGES)
def test_links_inside_the_project_lead_somewhere(name):
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", PAGES[name]):
        assert (ROOT / link).exists(), link
    assert "@@" not in PAGES[name], "a figure is missing"
