"""Why the system refused, in both languages."""

import errno
import io
import socket

import pytest

from zhinao import cli, lang
from zhinao.hub import http
from zhinao.oserrors import reason


@pytest.fixture(params=["en", "zh"])
def language(request):
    lang.choose(request.param)
    yield request.param
    lang.choose(None)


@pytest.mark.parametrize(
    ("error", "english", "chinese"),
    [
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory"),
            "No such file or directory",
            "没有这个文件或目录",
        ),
        (
            OSError(errno.EADDRINUSE, "Address already in use (while attempting …)"),
            "Address already in use",
            "地址已被占用",
        ),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known", "找不到这个主机名"),
        (TimeoutError("timed out"), "timed out", "超时"),
        (OSError(9999, "something rare"), "something rare", "something rare"),
    ],
)
def test_a_number_as_words(language, error, english, chinese):
    assert reason(error) == (chinese if language == "zh" else english)


@pytest.mark.parametrize("words", ["[Errno 111] Connection refused", "<urlopen error [Errno 111] Connection refused>"])
def test_a_clients_error_holds_it_as_text(language, words):
    assert http.reason(Exception(words)) == ("连接被拒绝" if language == "zh" else "Connection refused")


def test_a_port_in_use_is_told_once(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "nothing", "--engine", "transformers", "--port", str(port), "--lang", "zh"]) == 2
    lang.choose(None)
    assert f"无法监听 127.0.0.1:{port}（地址已被占用）" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (["chat", "./nothing"], "./nothing: no such file or folder", "zhinao models"),
        (["chat", "./hree.txt", "q"], "no such file or folder", "did you mean here.txt?"),
        (["generate", "./nothing"], "./nothing: no such file or folder", "zhinao models"),
        (["generate", "m", "--input", "herr.txt"], "herr.txt: cannot be read", "did you mean here.txt?"),
        (["generate", "m", "--input", "here.txt"], "here.txt: there is no text in it", "--input FILE"),
        (["chat", "m", "q", "--config", "other.yaml"], "other.yaml: cannot be read", "looked for from"),
        (
            ["serve", "m", "--engine", "transformers", "--api-key-file", "/no/key"],
            "/no/key: cannot be read",
            "name:key",
        ),
        (["serve", "m", "--port", "99999"], "--port is 99999", "--port 8360"),
        (["chat", "empty", "q"], "no model checkpoint", "zhinao pull"),
        (["chat", "m", "--temprature", "0.5", "hi"], "arguments: --temprature Did you mean --temperature?", "--help"),
    ],
)
def test_what_to_do_next_is_said(words, sentence, hint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    (tmp_path / "here.txt").touch()
    (tmp_path / "empty").mkdir()
    assert cli.main(words) in (2, 4, 5)
    error = capsys.readouterr().err
    assert sentence in error and hint in error.partition("→")[2]
