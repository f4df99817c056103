"""What peers are started on: the same weights in their formats, made without any of them; and how rounds are compared."""

import json

import pytest
import serve_peers
from gguf import GGUFReader
from serve_prompts import Prompts

from zhinao.model.checkpoint import Checkpoint
from zhinao.model.tokenizer import Tokenizer

PEERS = ["--llama-server", "llama-server", "--vllm-python", "/a/python", "--transformers-python", "/b/python"]


@pytest.mark.long
def test_every_peer_has_its_files(demo, tmp_path):
    args = serve_peers.arguments([*PEERS, "--levels", "1", "4", "--num-new", "16", "--threads", "2"])
    found = {rival.name: rival for rival in serve_peers.rivals(args, demo, tmp_path)}
    assert list(found) == [*serve_peers.OURS, *serve_peers.LLAMA, serve_peers.VLLM, serve_peers.TRANSFORMERS]
    assert all(sum(word == "{port}" for word in rival.words) == 1 for rival in found.values())
    llama = found["llama.cpp Q8_0"].words
    assert llama[llama.index("-c") + 1] == str(4 * (128 + 16 + 64)) and llama[llama.index("-np") + 1] == "4"
    assert found[serve_peers.TRANSFORMERS].words[0] == "/b/transformers"

    qwen2, endless = tmp_path / f"{demo.name}-qwen2", tmp_path / f"{demo.name}-qwen2-endless"
    assert json.loads((qwen2 / "config.json").read_text())["model_type"] == "qwen2"
    assert "auto_map" not in json.loads((qwen2 / "tokenizer_config.json").read_text())
    assert "eos_token_id" in (qwen2 / "generation_config.json").read_text()
    assert not any("eos_token_id" in (endless / name).read_text() for name in ("config.json", "generation_config.json"))

    fields = GGUFReader(tmp_path / f"{demo.name}-bf16.gguf").fields
    assert len(fields["tokenizer.ggml.tokens"].data) == Checkpoint(demo).architecture.vocab_size
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    assert "<|im_start|>" in fields["tokenizer.chat_template"].contents()


def test_a_peer_that_is_not_named_is_left_out(demo, tmp_path):
    rivals = serve_peers.rivals(serve_peers.arguments([]), demo, tmp_path)
    assert [rival.name for rival in rivals] == list(serve_peers.OURS) and not list(tmp_path.iterdir())


def test_a_random_model_can_chat(demo, tmp_path):
    folder = serve_peers.random_model(1, demo, tmp_path)
    arch = Checkpoint(folder).architecture
    assert (arch.num_layers, arch.hidden_size, arch.vocab_size) == (1, 2048, 49152)
    assert Prompts(Tokenizer.load(folder)).conversation(64)
    assert serve_peers.random_model(1, demo, tmp_path) == folder  # kept


def test_ratios_are_taken_round_by_round():
    assert serve_peers.ratio({0: 10.0, 1: 30.0, 2: 99.0}, {0: 20.0, 1: 10.0}) == [0.5, 3.0]
    assert serve_peers.ratio({}, {0: 1.0}) == []
