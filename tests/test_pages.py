"""Every code block of README.md, README.zh.md and docs/: Python is run, command lines are run or read by the program's own parser.

A line is tried once, whichever pages it stands on. What cannot be tried here says why. The publisher's README: `test_publisher.py`.
"""

import contextlib
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.code_blocks import Block, blocks, commands
from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh.md")
GENERATED = "docs/cli/README.md"  # and its neighbours: help in both languages, which tests/test_cli.py compares with the parsers
TRANSLATED = sorted(f"docs/{file.name}" for file in (ROOT / "docs" / "zh").glob("*.md"))
PAGES = [*READMES, *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md"))]
PAGES += [page.replace("docs/", "docs/zh/") for page in TRANSLATED]
BLOCKS = [block for page in PAGES for block in blocks(ROOT / page, page)]
SHELL = ("shell", "sh", "bash")

# Languages of blocks that are not tried, and why.
SKIPPED_LANGUAGES = {
    "text": "what a program prints",
    "nginx": "a proxy's configuration; nginx is not among the tests' programs",
}
# Programs whose lines are not tried here, and why.
SKIPPED_PROGRAMS = {
    "ray": "Ray joins several machines",
    "lm-eval": "in the clients' environment, where tests/clients/test_lm_eval.py runs it",
}
# Lines that are run, with what is put behind them; all others are read by the program's own parser (`READERS`).
RUN = {
    r"zhinao doctor": "",
    r"zhinao data (check|view) ": "",
    r"zhinao plan .*--data_path": "--tokenizer 7b",
    r"zhinao plan ": "",
    r"zhinao serve \S+ --print-command": "",
    r"zhinao check-api --(list|join) ": "",
    r"umask 077; echo": "",
}
# In lines that are run: what needs 7B weights.
MODELS = re.compile(r"(?<=--model )7b\S*|(?<=--tokenizer )7b\S*")
# In Python blocks: the models' names, and the lengths of answers (the demo model does not think).
PYTHON = (
    (r'"(7b[^"]*)"', '"smollm2-135m"', "zhinao.load"),
    ("qihoo360/360Zhinao3-7B-Instruct", "smollm2-135m's folder", "from_pretrained"),
    (r"\b(max_tokens|thinking_budget)=\d+", "max_tokens=16", "zhinao.load"),
)
# Values for a line that takes its own from the publisher's script, and what stands for "and so on".
VARIABLES = {"HOSTFILE": "hostfile", "MASTER_PORT": "29500", "NUM_NODES": "1", "NUM_GPUS": "8"}
VARIABLES |= {"DATA_PATH": "train.jsonl", "DS_CONFIG": "./finetune/ds_config_zero2.json"}
HOW_TO = "write ```text above what a program prints; for a new language or program say in tests/test_pages.py how it is tried"


def ids(block: Block) -> str:
    return str(block)


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_block(block, place, demo):
    if block.language in SKIPPED_LANGUAGES:
        pytest.skip(f"{block}: {SKIPPED_LANGUAGES[block.language]}")
    if block.language == "python":
        run_python("\n".join(without_remarks(block.text)), str(demo))
        return
    assert block.language in SHELL, f"{block} is {block.language or 'of no language'}: {HOW_TO}"
    reasons = [reason for line in commands(block.text) if (reason := tried(line, str(block)))]
    if reasons:
        pytest.skip(f"{block}: {'; '.join(dict.fromkeys(reasons))}")


def test_a_block_that_nobody_knows_fails_with_a_sentence(place):
    for text, words in (
        ("frobnicate --all", "frobnicate is new"),
        ("zhinao chta 7b", "chta"),
        ("zhinao chat 7b --temprature 1", "--temprature"),
        ("zhinao data check a.jsonl --modell 7b", "--modell"),
        ("zhinao finetune recipes/sft-7b.yaml --learningrate 1", "--learningrate"),
        ("zhinao finetune recipes/none.yaml", "none.yaml"),
        ("zhinao launch --num_gpus 8 -- finetune recipes/sft-7b.yaml --paralel zero2", "--paralel"),
        ("zhinao serve 7b --tensor-parallel-size 2", "--tensor-parallel-size"),
        ("pip install '.[trian]'", "trian"),
        ("make chta", "chta"),
        ("cat a.py | zhinao chat --nothing", "--nothing"),
    ):
        with pytest.raises(BaseException, match=f"(?s)page:1.*{words}"):
            tried(text, "page:1")


# --- Python


def without_remarks(text: str) -> list[str]:
    return [line.partition("  #")[0].rstrip() for line in text.splitlines()]


@functools.cache
def run_python(code: str, demo: str) -> None:
    for pattern, by, where in PYTHON:
        code = re.sub(pattern, demo if by.endswith("folder") else by, code) if where in code else code
    with contextlib.redirect_stdout(open(os.devnull, "w")):
        exec(compile(code, "block", "exec"), space := {"__name__": "block"})
    if "from_pretrained" in code:
        assert type(space["model"]).__name__ == "ZhinaoForCausalLM"
    else:
        space["model"].close()


# --- command lines


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the lines name, and a tiny model."""
    folder = tmp_path_factory.mktemp("place")
    make_tokenizer(make_checkpoint(folder / "tiny", max_position_embeddings=512))
    said = [[{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"the {n}"}] for n in range(120)]
    (folder / "train.jsonl").write_text("".join(json.dumps({"messages": one}) + "\n" for one in said))
    shutil.copyfile(ROOT / "docs" / "check-api" / "zhinao.json", folder / "mine.json")
    for name in ("recipes", "docs", "constraints.txt"):
        (folder / name).symlink_to(ROOT / name)
    with contextlib.chdir(folder):
        yield folder


@functools.cache
def tried(line: str, where: str) -> str | None:
    """Try a line; why it was not, where it was not. AssertionError with the place otherwise."""
    try:
        for pattern, further in RUN.items():
            if re.match(pattern, line):
                return run(f"{line} {further}".strip())
        return next((reason for part in line.split(" | ") if (reason := read(shlex.split(part)))), None)
    except (Exception, SystemExit) as error:
        raise AssertionError(f"{where}: {line}\n{error}") from error


def run(line: str) -> str | None:
    from zhinao import cli

    line = MODELS.sub("./tiny", line)
    if not line.startswith("zhinao "):
        if "openssl" in line and not shutil.which("openssl"):
            return "openssl is not installed"
        subprocess.run(["bash", "-ec", line], check=True, stdin=subprocess.DEVNULL, timeout=60)
        return None
    with contextlib.redirect_stdout(open(os.devnull, "w")), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZHINAO_HOME", os.path.abspath("home"))  # for encoded data
        assert cli.main(shlex.split(line)[1:]) == 0, "it failed; see stderr"


def read(words: list[str]) -> str | None:
    words = [word for word in words if word != "…" and not re.fullmatch(r"[A-Z_]+=\S*", word)]
    words = [re.sub(r"\$\{(\w+)\}", lambda m: VARIABLES[m[1]], word) for word in words]
    if words[0] in SKIPPED_PROGRAMS:
        return SKIPPED_PROGRAMS[words[0]]
    assert words[0] in READERS, f"{words[0]} is new: {HOW_TO}"
    return READERS[words[0]](words[1:])


def read_make(words: list[str]) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def read_pip(words: list[str]) -> None:
    import tomllib

    from pip._internal.commands import create_command

    asked = create_command(words[0]).parse_args(words[1:])[1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra in re.findall(r"(?:zhinao|\.)\[([\w,]+)\]", " ".join(asked)):
        assert set(extra.split(",")) <= project["optional-dependencies"].keys(), f"there is no extra {extra}"
    assert asked, "nothing to install"


def read_zhinao(words: list[str]) -> None:
    """As `zhinao` itself does, up to where it would start."""
    from zhinao.cli import VERBS, build_parser, verb_parser
    from zhinao.launch import program
    from zhinao.train.settings import flags
    from zhinao.train.settings.prefer import PreferSettings
    from zhinao.train.settings.settings import TrainSettings

    parser = build_parser(words[0] if words[0] in VERBS else None)
    args, rest = parser.parse_known_args(words)
    if rest:
        verb_parser(parser, args.verb).take_rest(args, rest)
    if args.verb in ("finetune", "pretrain", "prefer", "plan"):
        flags.settings_of(args, PreferSettings if args.verb == "prefer" else TrainSettings)
    elif args.verb == "launch":
        started = program.of(args.program, args.module).argv
        read_zhinao(list(started[started.index("zhinao") + 1 :]))
    elif args.verb == "serve" and args.engine != "vllm":  # else they are vLLM's: tests/serve/test_vllm_publisher.py
        assert not args.rest, f"unrecognized arguments: {args.rest}"


def read_environment(words: list[str]) -> None:
    """`python3 -m venv FOLDER` and `source FOLDER/bin/activate`, which must speak of the Makefile's environment."""
    assert words in (["-m", "venv", ".venv"], [".venv/bin/activate"]), words
    assert re.search(r"^VENV \?= \.venv$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)


def read_clone(words: list[str]) -> None:
    assert words == ["clone", "$REPOSITORY", "zhinao"], words


def read_cd(words: list[str]) -> None:
    assert words == ["zhinao"], words


READERS = {"zhinao": read_zhinao, "make": read_make, "pip": read_pip, "cat": lambda words: None}
READERS |= {"git": read_clone, "cd": read_cd, "python3": read_environment, "source": read_environment}


# --- what stands within sentences, and the pages themselves


def known_flags(verb: str) -> set[str]:
    from zhinao.arguments import inner_parsers
    from zhinao.cli import build_parser, verb_parser

    parser = verb_parser(build_parser(verb), verb)
    known = set(parser._option_string_actions)
    for inner in inner_parsers(parser).values():
        inner.fill()
        known |= inner._option_string_actions.keys()
    return known | (known_flags("finetune") if verb == "launch" else set())


# docs/log.md tells of what was; what stands behind `--engine vllm` is vLLM's.
@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/log.md"])
def test_commands_within_sentences_have_flags_that_exist(page):
    from zhinao.cli import VERBS

    text = re.sub(r"^ *```.*?^ *```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)
    for line in re.findall(r"`zhinao ([^`\n]+)`", text):
        verb, _, rest = line.partition(" ")
        if not verb.startswith("-"):
            assert verb in VERBS, f"{page}: `zhinao {line}`"
            used = set(re.findall(r"(?<!\S)--[\w-]+", rest.partition("--engine vllm")[0]))
            assert used <= known_flags(verb), f"{page}: `zhinao {line}`: {used - known_flags(verb)}"


@pytest.mark.parametrize(
    ("page", "other"), [READMES, *((page, page.replace("docs/", "docs/zh/")) for page in TRANSLATED)]
)
def test_both_languages_show_the_same_code(page, other):
    english, chinese = (
        [without_remarks(block.text) for block in BLOCKS if block.page == name and block.language != "text"]
        for name in (page, other)
    )
    chinese = [[line.replace("解释一下", "explain") for line in block] for block in chinese]
    assert english == chinese


def test_remarks_in_chinese_pages_are_chinese():
    for block in BLOCKS:
        if block.page == READMES[1] or block.page.startswith("docs/zh/"):
            for remark in re.findall(r"  # (.*)", block.text):
                assert re.search(r"[\u4e00-\u9fff]", remark), f"{block}: {remark}"


def test_links_of_the_chinese_page_to_english_ones_say_so():
    text = (ROOT / READMES[1]).read_text(encoding="utf-8")
    for link, after in re.findall(r"\]\((docs/[^)#]+\.md)[^)]*\)(（英文）)?", text):
        assert after or link.startswith("docs/zh/") or link == GENERATED, f"{link} is English"


@pytest.mark.parametrize("page", READMES)
def test_the_first_page_is_short(page):
    assert len((ROOT / page).read_text(encoding="utf-8").splitlines()) <= 150


def test_where_to_go_names_places_that_are_there():
    text = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")
    table = text.partition("## Where do I go to")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|")[1:] for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 12
    for row in rows:
        for places in row:
            named = [one for one in re.findall(r"`([\w./-]+)`", places) if "/" in one]
            gone = [one for one in named if not (ROOT / one).exists()]
            assert not gone and (named or "contract" in places), f"{places}: {gone}"


def test_every_room_is_drawn_and_has_its_page():
    text = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")
    rooms = {file.parent.name for file in (ROOT / "src" / "zhinao").glob("*/__init__.py")}
    drawing = next(block.text for block in BLOCKS if block.page == "docs/structure.md")
    assert {room for room in rooms if not re.search(rf"\b{room}\b", drawing)} == set()
    assert {room for room in rooms if f"(rooms/{room}.md)" not in text} == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_project_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link
    assert "@@" not in text, "a figure is missing"
