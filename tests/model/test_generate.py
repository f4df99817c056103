"""What `generate` takes as a prompt: ids, as ever, and the mapping that tokenizers return, by whichever name it comes."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer

SHORT, LONG = ([{"role": "user", "content": text}] for text in ("你好", "the answer is 42, the quick brown fox"))
HOW = GenerationConfig(max_new_tokens=6, do_sample=False, eos_token_id=319, pad_token_id=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tokenizer(make_checkpoint(tmp_path_factory.mktemp("generate")))


@pytest.fixture(scope="module")
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


def rendered(tokenizer, messages, **more):
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", **more).to("cpu")


def test_code_of_before_and_of_now_get_the_same(model, tokenizer):
    inputs, ids = rendered(tokenizer, SHORT), rendered(tokenizer, SHORT, return_dict=False)
    assert isinstance(ids, torch.Tensor) and len(inputs[0]) == len(ids[0])  # the prompt is cut off by either
    wanted = model.generate(ids, HOW)
    assert wanted.shape[1] == len(ids[0]) + 6
    for words in (
        {"input_ids": inputs},
        {"inputs": inputs},
        {"input_ids": dict(inputs)},
        {"input_ids": ids},
        {**inputs},
        {"input_ids": inputs["input_ids"], "attention_mask": inputs.attention_mask},
    ):
        assert torch.equal(model.generate(**words, generation_config=HOW), wanted), words.keys()
    assert torch.equal(model.generate(inputs, HOW), wanted)


def test_the_mask_of_a_batch_comes_with_it(model, tokenizer):
    """Its ids hold the token that pads, so that no mask could be guessed."""
    batch = rendered(tokenizer, [SHORT, LONG], padding=True)
    batch["input_ids"][0, 0] = 97  # not the padding token any more: only the mask says what it is
    new = model.generate(input_ids=batch, generation_config=HOW)[:, len(batch[0]) :]
    alone = [model.generate(input_ids=rendered(tokenizer, one), generation_config=HOW)[0, -6:] for one in (SHORT, LONG)]
    assert torch.equal(new, torch.stack(alone))


def test_what_is_named_beside_it_wins(model, tokenizer):
    inputs = rendered(tokenizer, SHORT)
    mask = inputs["attention_mask"].clone()
    mask[0, :3] = 0
    masked = model.generate(input_ids=inputs, attention_mask=mask, generation_config=HOW)
    assert torch.equal(masked, model.generate(inputs["input_ids"], attention_mask=mask, generation_config=HOW))
    with pytest.raises(ValueError, match="alongside"):
        model.generate(inputs["input_ids"], input_ids=inputs, generation_config=HOW)


def test_with_adapters_around_it(folder, tokenizer):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config).eval()
    inputs = rendered(tokenizer, SHORT)
    wanted = model.generate(**inputs, generation_config=HOW)
    assert torch.equal(model.generate(input_ids=inputs, generation_config=HOW), wanted)
