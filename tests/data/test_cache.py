"""The cache of encoded documents: what it holds, what it depends on, and what is left of it when something goes wrong."""

import ast
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.tiny_tokenizer import SAMPLE, make_tokenizer

import zhinao
from zhinao import files
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import encode
from zhinao.data.read.read import read
from zhinao.data.sample import DataError
from zhinao.data.store import cache, key, workers
from zhinao.data.store import make as cache_make
from zhinao.data.store.cache import TokenCache, build, prune
from zhinao.errors import UsageError, ZhinaoError
from zhinao.model.tokenizer import Tokenizer
from zhinao.progress import quiet

HOW = Choices()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "data"


@pytest.fixture
def tokenizer(tmp_path):
    return make_tokenizer(tmp_path / "tokenizer")


def write_chats(file: Path, num: int, seed: int = 0) -> Path:
    """Conversations of one to three turns, some with a thought or a weight."""
    draw, words = random.Random(seed), SAMPLE.split()
    with file.open("w", encoding="utf-8") as out:
        for _ in range(num):
            messages = []
            for _ in range(draw.randint(1, 3)):
                messages.append({"role": "user", "content": " ".join(draw.choices(words, k=draw.randint(1, 20)))})
                answer = {"role": "assistant", "content": " ".join(draw.choices(words, k=draw.randint(1, 30)))}
                if draw.random() < 0.1:
                    answer["reasoning_content"] = "let me see"
                if draw.random() < 0.1:
                    answer["weight"] = 0.5
                messages.append(answer)
            out.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
    return file


def built(sources, tokenizer, **more) -> TokenCache:
    sources = sources if isinstance(sources, list) else [sources]
    more = {"model_max_length": 2048, "reporter": quiet, "num_workers": 1, **more}
    return build([str(source) for source in sources], tokenizer, more.pop("how", HOW), **more)


def contents(made: TokenCache) -> dict:
    return {file.name: file.read_bytes() for file in sorted(made.folder.iterdir())}


def test_it_holds_what_encode_gives(tmp_path, tokenizer):
    one, two = write_chats(tmp_path / "1.jsonl", 30), write_chats(tmp_path / "2.jsonl", 20, seed=1)
    made, loaded = built([one, two], tokenizer), Tokenizer.load(tokenizer)
    wanted = [document for sample in read([str(one), str(two)]) for document in encode(sample, loaded, HOW)]
    assert len(made) == len(wanted) > 50  # a thinking conversation is several documents
    for index, document in enumerate(wanted):
        held = made[index]
        assert np.array_equal(held.ids, document.ids) and held.ids.dtype == np.int32
        assert np.array_equal(held.weights, document.weights) and held.weights.dtype == np.float32
        assert (held.place, held.turns) == (document.place, document.turns)
    assert made.lengths.tolist() == [len(d.ids) for d in wanted]
    assert made.num_supervised.tolist() == [d.num_supervised for d in wanted]
    samples = list(dict.fromkeys(d.place for d in wanted))
    assert made.sample_of.tolist() == [samples.index(d.place) for d in wanted]
    assert made.source_of.tolist() == [d.place.source == str(two) for d in wanted]
    assert {0.5, 1} == set(np.concatenate([made[i].weights for i in range(len(made))]).tolist()) - {0}
    assert [str(found) for found in made.found] == [f"{one}: JSON lines, messages", f"{two}: JSON lines, messages"]
    assert made.losses.total.num_samples == 50 and not made.faults
    assert np.array_equal(made[-1].ids, wanted[-1].ids)
    with pytest.raises(IndexError):
        made[len(wanted)]
    made[0].ids[:] = 0  # a copy: the file stays as it is
    assert np.array_equal(TokenCache.open(made.folder)[0].ids, wanted[0].ids)


def test_fields_that_no_sample_keeps_are_counted(tmp_path, tokenizer):
    """The publisher's items have an `id`; messages have fields of their own; a name of a file is any bytes."""
    said = {"conversations": [{"from": "user", "value": "您好啊"}, {"from": "assistant", "value": "你好！"}]}
    named = {
        "messages": [{"role": "user", "content": "a", "mood": "x"}, {"role": "assistant", "content": "b"}],
        "id": 3,
    }
    one, two = tmp_path / "sample.json", tmp_path / os.fsdecode(b"\xff.jsonl")
    one.write_text(json.dumps([{"id": 1, **said}, {"id": None, "source": "s", **said}]))
    two.write_text(json.dumps(named))
    for made in (built([one, two], tokenizer), built([one, two], tokenizer)):  # made, and found again
        assert [found.ignored for found in made.found] == [{"id": 1, "source": 1}, {"id": 1, "messages[].mood": 1}]
        assert made.found == list(read_through([one, two]))
        assert made.place(2).source == str(two)


def read_through(sources) -> list:
    found = []
    for _ in read([str(source) for source in sources], on_file=found.append):
        pass
    return found


def test_the_number_of_workers_does_not_show(tmp_path, tokenizer, home, monkeypatch):
    data = write_chats(tmp_path / "data.jsonl", 60)
    alone = contents(built(data, tokenizer))
    monkeypatch.setattr(cache_make, "_NUM_BATCH_CHARACTERS", 3000)
    for num_workers in (1, 2):
        files.shutil.rmtree(home)
        made = built(data, tokenizer, num_workers=num_workers)
        assert contents(made) == alone


def test_a_second_run_finds_it_done(tmp_path, tokenizer, monkeypatch):
    data = write_chats(tmp_path / "data.jsonl", 5)
    first = built(data, tokenizer)
    monkeypatch.setattr(cache, "_build", None)
    assert built(data, tokenizer).folder == first.folder


def test_whatever_it_depends_on_is_seen(tmp_path, tokenizer, monkeypatch):
    data = write_chats(tmp_path / "data.jsonl", 5)
    keys = [built(data, tokenizer).key]
    for more in (
        {"how": Choices("last")},
        {"how": Choices(thoughts="drop")},
        {"model_max_length": 1024},
        {"overlong": "split"},
        {"values": {"name": "x"}},
        {"format": "messages"},
    ):
        keys.append(built(data, tokenizer, **more).key)
    stat = data.stat()
    text = data.read_text(encoding="utf-8")
    data.write_text(text.replace("the", "The", 1), encoding="utf-8")
    os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # neither size nor date tell
    assert data.stat().st_size == stat.st_size and data.read_text(encoding="utf-8") != text
    keys.append(built(data, tokenizer).key)
    (tokenizer / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}<|im_end|>")
    with pytest.raises(UsageError, match="does not show which tokens"):
        built(data, tokenizer)
    (tokenizer / "chat_template.jinja").unlink()
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.setattr(
        key, "code", lambda package: {package / "family.py"}
    )  # as if the package's other files were others
    keys.append(built(data, tokenizer).key)
    assert len(set(keys)) == len(keys)


def test_a_run_that_lies_in_the_models_folder_changes_nothing(tmp_path, tokenizer):
    """Its checkpoints have templates and vocabularies of their own; the next start would encode the data again."""
    data = write_chats(tmp_path / "data.jsonl", 5)
    before = key.digest([str(data)], tokenizer, {})
    for inner in (tokenizer / "run1", tokenizer / "run1" / "checkpoint-3"):
        make_tokenizer(inner)
        (inner / "chat_template.jinja").write_text("{{ messages }}")
    assert key.digest([str(data)], tokenizer, {}) == before
    (tokenizer / "additional_chat_templates").mkdir()
    (tokenizer / "additional_chat_templates" / "rag.jinja").write_text("{{ messages }}")
    assert key.digest([str(data)], tokenizer, {}) != before


DECIDES = (
    "data/read/formats/alpaca.py",
    "data/encode/pairs.py",
    "data/encode/overlong.py",
    "prompt/conversation.py",
    "prompt/template_worker.py",  # a process of its own, started by its name
    "model/tokenizer.py",
    "family.py",
)
DECIDES_NOT = (
    "data/view/rows.py",
    "data/check/rules.py",
    "data/stats/report.py",
    "data/commands/split.py",
    "data/words.py",
    "lang.py",
)


def test_the_code_that_decides_ids_is_in_the_key_and_no_other(tmp_path, tokenizer, monkeypatch):
    package = tmp_path / "zhinao"
    files.shutil.copytree(Path(zhinao.__file__).parent, package, ignore=lambda *_: {"serve", "train", "__pycache__"})
    monkeypatch.setattr(files, "__file__", str(package / "files.py"))
    keys = [key.digest([], tokenizer, {})]
    for name in (*DECIDES_NOT, *DECIDES):
        with (package / name).open("a") as out:
            out.write("# touched\n")
        keys.append(key.digest([], tokenizer, {}))
    assert len(set(keys)) == 1 + len(DECIDES) and keys[0] == keys[len(DECIDES_NOT)]


def test_no_import_of_that_code_is_missed():
    """The key reads names by a pattern, for speed; here Python itself does."""
    package = Path(zhinao.__file__).parent
    found = key.code(package)
    for file in found:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("zhinao"):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                assert {key._file(package, name) for name in names} <= found | {None}


def test_the_digest_is_of_ids_and_weights(tmp_path, tokenizer):
    data = write_chats(tmp_path / "data.jsonl", 5)
    first = built(data, tokenizer)
    same = built(data, tokenizer, model_max_length=1024)
    assert same.key != first.key and same.digest == first.digest
    assert built(data, tokenizer, how=Choices("last")).digest != first.digest
    data.write_text(data.read_text(encoding="utf-8").replace("the", "The", 1), encoding="utf-8")
    assert built(data, tokenizer).digest != first.digest


def test_the_place_of_the_tokenizer_does_not_count(tmp_path, tokenizer):
    data = write_chats(tmp_path / "data.jsonl", 3)
    assert built(data, tokenizer).key == built(data, make_tokenizer(tmp_path / "elsewhere")).key


def test_many_processes_build_it_once(tmp_path, tokenizer, monkeypatch):
    data = write_chats(tmp_path / "data.jsonl", 200)
    builds, really = [], cache._build
    monkeypatch.setattr(cache, "_build", lambda *args, **more: (builds.append(1), really(*args, **more)))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: built(data, tokenizer), range(4)))
    assert len(builds) == 1 and len({one.folder for one in made}) == 1


def test_faults_stop_the_run_with_file_and_line(tmp_path, tokenizer, home):
    data = write_chats(tmp_path / "data.jsonl", 19)
    with data.open("a") as out:
        out.write('{"messages": [{"role": "user", "content": "x"}]}\n')
    with pytest.raises(DataError) as error:
        built(data, tokenizer)
    assert "data.jsonl, line 20: no token of it would be trained" in str(error.value)
    assert "zhinao data check" in error.value.hint and not list(home.glob("[!.]*/"))
    made = built(data, tokenizer, max_faulty_share=0.05)
    assert made.losses.total.num_faulty == 1 and [fault.place.line for fault in made.faults] == [20]
    with pytest.raises(DataError, match="1 of 20 items cannot be used"):
        built(data, tokenizer, max_faulty_share=0.04)  # kept, but not for a run that allows fewer
    with pytest.raises(DataError, match="line 20"):
        built(data, tokenizer)


def test_too_many_over_the_limit_stop_the_run(tmp_path, tokenizer):
    data = write_chats(tmp_path / "data.jsonl", 50)
    with pytest.raises(DataError, match=r"of 50 samples \(\d+.\d%\) have more than 150 tokens"):
        built(data, tokenizer, model_max_length=150)
    made = built(data, tokenizer, model_max_length=150, max_overlong_share=1)
    assert 0 < len(made) < 50 and made.lengths.max() <= 150
    dropped = built(data, tokenizer, model_max_length=150, overlong="drop")
    split = built(data, tokenizer, model_max_length=150, overlong="split")
    assert dropped.losses.total.num_lost_tokens > split.losses.total.num_lost_tokens
    assert split.lengths.max() <= 150 and len(split) > len(dropped)


def test_nothing_left_to_train(tmp_path, tokenizer):
    data = write_chats(tmp_path / "data.jsonl", 3)
    with pytest.raises(DataError, match="3 of 3 samples"):
        built(data, tokenizer, model_max_length=8, overlong="drop")


def test_data_that_changes_meanwhile_is_not_kept(tmp_path, tokenizer, home, monkeypatch):
    data, really = write_chats(tmp_path / "data.jsonl", 5), cache.make

    def make(*arguments, **more):
        os.utime(data, (1, 1))
        return really(*arguments, **more)

    monkeypatch.setattr(cache, "make", make)
    with pytest.raises(DataError, match=r"data\.jsonl: was changed while it was read"):
        built(data, tokenizer)
    assert not list(home.glob("[!.]*/"))


def test_a_worker_that_is_killed_is_a_sentence():
    with pytest.raises(workers.WorkerError, match="was killed"):
        list(workers.in_order(os._exit, [1, 2], 2, int, ()))
    assert list(workers.in_order(abs, [-1, -2, 3], 2, int, ())) == [1, 2, 3]


def test_text_placeholders_and_kinds(tmp_path, tokenizer):
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "I am {{name}}."}\n')
    loaded = Tokenizer.load(tokenizer)
    assert loaded.decode(built(data, tokenizer, values={"name": "Bo"})[0].ids.tolist()) == "I am Bo."
    with pytest.raises(DataError, match="sample of kind text, not chat"):
        built(data, tokenizer, kind="chat")
    assert built(data, tokenizer, kind=("text", "completion")).place(0).line == 1


def test_standard_input_is_kept_like_a_file(tmp_path, tokenizer, monkeypatch):
    data = write_chats(tmp_path / "data.jsonl", 20)
    from_file = built(data, tokenizer)
    for _ in range(2):
        with data.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            made = built("-", tokenizer)
            assert sys.stdin is stdin
        assert made.digest == from_file.digest and str(made.place(0)) == "-, line 1"
        monkeypatch.setattr(cache, "_build", None)  # the second time it is found


def test_what_cannot_be_read(tmp_path, tokenizer):
    with pytest.raises(DataError, match="no such file"):
        built(tmp_path / "none.jsonl", tokenizer)
    with pytest.raises(ZhinaoError, match="no tokenizer"):
        built(write_chats(tmp_path / "data.jsonl", 1), tmp_path)
    with pytest.raises(UsageError, match=r"data\.jsonl is named twice"):
        built([tmp_path, tmp_path / "data.jsonl"], tokenizer)
    (tmp_path / "data.jsonl").write_text("")
    with pytest.raises(DataError, match="is empty"):
        built(tmp_path / "data.jsonl", tokenizer)


def test_it_travels_to_other_processes_as_a_path(tmp_path, tokenizer):
    made = built(write_chats(tmp_path / "data.jsonl", 50), tokenizer)
    sent = pickle.dumps(made)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent)[7].ids, made[7].ids)


def test_prune_keeps_the_newest(tmp_path, tokenizer, home):
    kept = []
    for number in range(3):
        kept.append(built(write_chats(tmp_path / f"{number}.jsonl", 20, number), tokenizer))
        os.utime(kept[-1].folder, (number, number))
    built(tmp_path / "0.jsonl", tokenizer)  # used again
    assert prune(10**9) == []
    assert prune(kept[0].num_bytes + kept[2].num_bytes + 9000) == [kept[1].folder]
    assert prune(0) == [kept[2].folder]
    assert kept[0].folder.is_dir() and len(kept[0][0].ids)


SCRIPT = """
import dataclasses
import pathlib
import re
import sys
from zhinao import cli
from zhinao.data.store import cache, make
from zhinao.data.encode import overlong
from zhinao.data.encode.choices import Choices
if __name__ == "__main__":
    make._NUM_BATCH_CHARACTERS = 20_000
    num_workers = int(sys.argv[3])
    if "--quickly" in sys.argv:  # documents of a few ids, so that reading and writing is all that is done
        from zhinao.data.encode.encoding import encode
        overlong.fit = lambda sample, tokenizer, how, limit, losses: encode(
            dataclasses.replace(sample, text=sample.text[:8]), tokenizer, how
        )
    made = cache.build([sys.argv[1]], sys.argv[2], Choices(), model_max_length=2048, num_workers=num_workers)
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) // 1024
    heavy = sorted({"torch", "transformers", "datasets"} & set(sys.modules))
    print(len(made), peak, heavy)
"""


def start(tmp_path, data, tokenizer, num_workers, *more):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(data), str(tokenizer), str(num_workers), *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, start_new_session=True, **pipes)


def children(pid: int) -> set[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return {int(number) for number in found}


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_nothing_is_left(tmp_path, tokenizer, home, sent):
    data = write_chats(tmp_path / "data.jsonl", 20_000)
    process = start(tmp_path, data, tokenizer, 2)
    try:
        wait_until(lambda: any(file.stat().st_size > 10_000 for file in home.glob(f".*{files.PARTIAL}*/ids")))
        workers = children(process.pid)
        assert len(workers) >= 2
        if sent == signal.SIGINT:
            os.killpg(process.pid, sent)  # a terminal sends Ctrl-C to all of them
        else:
            process.send_signal(sent)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode not in (0, None)
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    if sent == signal.SIGINT:
        assert "KeyboardInterrupt" in errors and "SpawnProcess" not in errors
        assert not list(home.glob(f".*{files.PARTIAL}*"))
    assert not list(home.glob("[!.]*/"))
    (small := tmp_path / "data.jsonl").write_text("".join(data.open().readlines()[:50]))
    assert len(built(small, tokenizer))


def test_memory_does_not_grow_with_the_data(tmp_path, tokenizer):
    """Nor does anything heavy come in. A small and a twenty times larger file, each read by a process of its own."""
    line = json.dumps({"text": SAMPLE * 100}) + "\n"
    found = []
    for size in (4_000_000, 80_000_000):
        data = tmp_path / "data.jsonl"
        data.write_text(line * (size // len(line)))
        out, errors = start(tmp_path, data, tokenizer, 1, "--quickly").communicate(timeout=200)
        assert out, errors
        number, megabytes, heavy = out.split(" ", 2)
        assert heavy.strip() == "[]"
        assert int(number) == size // len(line)
        found.append(int(megabytes))
    assert found[1] - found[0] < 20
