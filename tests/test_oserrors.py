"""Why the system refused, in both languages."""

import errno
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
