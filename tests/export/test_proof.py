"""The proof holds for honest conversions, and each of its checks catches what it is for. Processes of their own: slow."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from tests.model.reference import reference_logits
from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao import cli
from zhinao.errors import ProofError
from zhinao.export import answers, companions, convert, corpus, proof
from zhinao.model.checkpoint import Checkpoint
from zhinao.model.tokenizer import Tokenizer

pytest.importorskip("torch")
SHARP = {"scale": 1.0, "max_shard_bytes": 60_000}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_tokenizer(make_checkpoint(tmp_path_factory.mktemp("source") / "z", **SHARP))


@pytest.fixture(scope="module")
def converted(source, tmp_path_factory):
    return convert.convert(source, "qwen2", tmp_path_factory.mktemp("out") / "q")


@pytest.fixture
def tampered(converted, tmp_path):
    """A copy of the converted folder to be spoiled."""
    return shutil.copytree(converted.folder, tmp_path / "tampered")


def change(file, **keys):
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


@pytest.mark.slow
def test_zhinao_as_qwen2(source, converted):
    parity = json.loads((converted.folder / "parity.json").read_text())
    assert parity == converted.parity and not converted.notes
    assert parity["classes"]["source"] == "zhinao.model.modeling.ZhinaoForCausalLM"
    assert parity["classes"]["converted"] == "transformers.models.qwen2.modeling_qwen2.Qwen2ForCausalLM"
    assert parity["converted_imported_zhinao"] is False
    assert parity["logits"]["largest_difference"] <= 1e-5 and parity["logits"]["num_values"] > 10_000
    assert parity["greedy_tokens_equal"] == dict.fromkeys(("chinese", "english", "code", "reasoning"), 24)
    assert parity["tokenizer"]["num_texts"] > 1000 and parity["way_back"]["num_tensors"] == 21 - 2
    assert parity["source"]["sha256"].keys() == {"config.json", *(f.name for f in Checkpoint(source).files)}
    card = (converted.folder / "README.md").read_text()
    assert "19 tensors" in card and "24 of 24 equal" in card and "zhinao not imported" in card


@pytest.mark.slow
def test_stock_classes_give_the_logits_of_the_description(source, converted, tmp_path):
    """Qwen2ForCausalLM in a process without zhinao, against the independent forward over the fused source."""
    ids = tuple(np.random.default_rng(1).integers(0, 320, 40).tolist())
    job = answers.Job("float32", 1, (ids,), 4, None, None)
    found = answers.ask(job, converted.folder, knows_zhinao=False, out=tmp_path / "a")
    assert found["imported_zhinao"] is False and not found["model"]["missing"] + found["model"]["unexpected"]
    wanted = reference_logits(source, list(ids))
    logits = np.load(tmp_path / "a" / "logits-0.npy")
    assert np.abs(logits - wanted).max() <= 1e-5 * np.abs(wanted).max()
    longer = [*ids, *found["model"]["greedy"][0][:3]]
    assert found["model"]["greedy"][0][3] == reference_logits(source, longer)[-1].argmax()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "to", "keys"),
    [
        ("llama", "qwen2", {"dtype": "BF16", "is_tied": True}),
        pytest.param(
            "llama",
            "zhinao",
            {"head_dim": 16, "rope_scaling": {"rope_type": "linear", "factor": 2.0}},
            marks=pytest.mark.long,
        ),
    ],
)
def test_other_directions(tmp_path, family, to, keys):
    source = make_checkpoint(tmp_path / "a", family, **SHARP, **keys)
    done = convert.convert(source, to, tmp_path / "b")
    kinds = {"qwen2": "Qwen2ForCausalLM", "zhinao": "ZhinaoForCausalLM", "llama": "LlamaForCausalLM"}
    assert [done.parity["classes"][side].split(".")[-1] for side in ("source", "converted")] == [
        kinds[family],
        kinds[to],
    ]
    assert done.parity["way_back"]["num_added_zero_biases"] == 6
    assert done.parity["greedy_tokens_equal"]["random ids 4"] == 24


@pytest.mark.long
def test_a_qwen2_source_with_its_tokenizer(converted, tmp_path):
    """The way back as a user goes it, tokenizer included; AutoTokenizer is the judge of the source there."""
    done = convert.convert(converted.folder, "zhinao", tmp_path / "z")
    assert done.parity["tokenizer"]["num_texts"] > 1000
    assert done.parity["logits"]["largest_difference"] <= 1e-5


def test_way_back_catches_one_bit(source, tampered):
    info = Checkpoint(tampered).stored["model.layers.1.self_attn.k_proj.weight"]
    with info.file.open("r+b") as file:
        file.seek(info.offset + 7)
        byte = file.read(1)[0]
        file.seek(info.offset + 7)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(ProofError, match=r"Way back: model\.layers\.1\.self_attn\.\w+\.weight differs: \w{64} in .*"):
        proof.prove(source, tampered)


def test_way_back_catches_a_bias_that_is_not_zero(tmp_path):
    source = make_checkpoint(tmp_path / "l", "llama")
    done = convert.convert(source, "qwen2", tmp_path / "q", proves=False)
    info = Checkpoint(done.folder).stored["model.layers.0.self_attn.v_proj.bias"]
    with info.file.open("r+b") as file:
        file.seek(info.offset + 3)
        file.write(b"\x3f")
    with pytest.raises(ProofError, match=r"layers\.0\.self_attn\.v_proj\.bias .*not a bias of zeros"):
        proof.prove(source, done.folder)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["ids", "class", "template"])
def test_tokenizer_check(source, tampered, what):
    file = tampered / "tokenizer.json"
    saved = json.loads(file.read_text())
    if what == "ids":
        vocab = saved["model"]["vocab"]
        vocab["a"], vocab["b"] = vocab["b"], vocab["a"]
    elif what == "class":  # what a plain tokenizer_config.json would make transformers 5 do
        config = json.loads((tampered / "tokenizer_config.json").read_text())
        del config["auto_map"]
        (tampered / "tokenizer_config.json").write_text(json.dumps(config))
    else:
        (tampered / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    file.write_text(json.dumps(saved))
    with pytest.raises(ProofError, match=r"Tokenizer: .* differs: .* before, .* after"):
        proof.prove(source, tampered, runs_models=False)


@pytest.mark.slow
def test_logits_check(source, tampered):
    """Every byte of the weights is right, and yet the model is another one."""
    config = json.loads((tampered / "config.json").read_text())
    change(
        tampered / "config.json", rope_theta=20000, rope_parameters={**config["rope_parameters"], "rope_theta": 20000}
    )
    with pytest.raises(ProofError, match=r"Logits: prompt 'chinese', position \d+, token \d+: \S+ before, \S+ after"):
        proof.prove(source, tampered)


def test_stop_token_check(source, tampered):
    tokenizer = Tokenizer.load(source)
    change(tampered / "generation_config.json", eos_token_id=tokenizer.eos_id)
    stop_ids = companions.defaults.read(source, tokenizer).stop_ids
    with pytest.raises(ProofError, match=r"Stop tokens: generation_config\.json"):
        proof.prove(source, tampered, stop_ids=stop_ids)


@pytest.mark.slow
def test_a_folder_that_stock_classes_cannot_load(source, tampered):
    change(tampered / "config.json", hidden_act="no such thing")
    tampered_config = json.loads((tampered / "config.json").read_text())
    job = answers.Job("float32", 1, ((1, 2),), 1, None, None)
    assert tampered_config["hidden_act"] == "no such thing"
    with pytest.raises(ProofError, match=r"Load: transformers cannot run .*no such thing"):
        answers.ask(job, tampered, knows_zhinao=False, out=tampered / "a")


def test_the_command_fails_loudly_and_leaves_nothing(source, tmp_path, monkeypatch, capsys):
    def spoil(checkpoint, steps, folder, *rest):
        genuine(checkpoint, steps, folder, *rest)
        with (folder / "model.safetensors").open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"\x01")

    genuine = convert.layout.rewrite
    monkeypatch.setattr(convert.layout, "rewrite", spoil)
    assert cli.main(["convert", str(source), "--to", "qwen2", str(tmp_path / "q")]) == ProofError.exit_code == 9
    assert "Way back: " in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_greedy_check():
    assert answers.compare_greedy(["a"], [[1, 2]], [[1, 2]]) == {"a": 2}
    with pytest.raises(ProofError, match="prompt 'b', new token 1: 4 before, 5 after"):
        answers.compare_greedy(["a", "b"], [[1, 2], [3, 4]], [[1, 2], [3, 5]])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.5])
def test_logits_that_are_no_rounding(tmp_path, wrong):
    first = np.zeros((3, 8), np.float32)
    second = first.copy()
    second[2, 5] = wrong
    for name, logits in (("a", first), ("b", second)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "logits-0.npy", logits)
    assert answers.compare_logits(["p"], tmp_path / "a", tmp_path / "a", "float32")["largest_difference"] == 0
    with pytest.raises(ProofError, match=r"prompt 'p', position 2, token 5: 0\.0 before"):
        answers.compare_logits(["p"], tmp_path / "a", tmp_path / "b", "float32")
    np.save(tmp_path / "b" / "logits-0.npy", first[:2])
    with pytest.raises(ProofError, match=r"shape: \(3, 8\) before, \(2, 8\) after"):
        answers.compare_logits(["p"], tmp_path / "a", tmp_path / "b", "float32")


def test_a_witness_that_knows_zhinao_is_not_accepted(converted):
    checkpoint = Checkpoint(converted.folder)
    with pytest.raises(ProofError, match="has imported zhinao"):
        proof._check_witness({"imported_zhinao": True}, checkpoint)
    with pytest.raises(ProofError, match="does not place x"):
        proof._check_witness({"imported_zhinao": False, "model": {"missing": ["x"], "unexpected": []}}, checkpoint)


def test_too_little_memory_is_said(source, tmp_path, monkeypatch):
    facts = proof.machine.facts()
    monkeypatch.setattr(proof.machine, "facts", lambda: dataclasses.replace(facts, free_memory_bytes=10**9))
    asked = []
    monkeypatch.setattr(proof.answers, "ask", lambda job, *_: asked.append(job) or {})
    monkeypatch.setattr(proof, "_compare_tokenizers", lambda *_: {"num_texts": 0, "num_tokens": 0})
    done = convert.convert(source, "qwen2", tmp_path / "q")
    assert "one copy of the model needs 2.0 GB, 1.0 GB are free" in done.notes[0]
    assert "logits" not in done.parity and all(not job.prompts for job in asked)


def test_the_corpus():
    lines = corpus.lines()
    assert lines == corpus.lines() and len(set(lines)) > 1000
    for kind in ("def ", "你好", "😀", "<|im_start|>", "\t", "        ", "<br>", "</think>", "123"):
        assert sum(kind in line for line in lines) >= 2 or kind == "123", kind
