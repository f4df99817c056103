"""Noise on embeddings, by document; and that noise and smoothed targets reach the model of a run, in training only."""

import pytest
import torch

from zhinao.train.net import noise


@pytest.fixture
def embedded(tiny):
    """A function that gives what the decoder sees of a row, and that row without noise."""
    from transformers import AutoModelForCausalLM

    from zhinao.model.register import register_models

    register_models()
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    ids = torch.arange(100)[None]
    plain = model.get_input_embeddings()(ids).detach()
    noise.install(model, 5.0)
    seen = []
    model.get_input_embeddings().register_forward_hook(lambda module, args, output: seen.append(output.detach()))

    def make(ends=None, is_training=True):
        model.train(is_training)
        more = {} if ends is None else {"cu_seq_lens_q": torch.tensor(ends, dtype=torch.int32)}
        model(input_ids=ids, use_cache=False, **more)
        return (seen[-1] - plain)[0], plain.shape[-1]

    return make


def test_a_document_has_the_noise_that_it_has_alone(embedded):
    """Within ±5 / sqrt(length · width), and nearly as far; a long neighbour changes nothing."""
    found, width = embedded([0, 4, 100])
    for part, length in ((found[:4], 4), (found[4:], 96)):
        bound = 5 / (length * width) ** 0.5
        assert 0.8 * bound < part.abs().max() <= bound * 1.001
    whole, _ = embedded()
    assert whole.abs().max() <= 5 / (100 * width) ** 0.5 * 1.001


def test_no_noise_outside_of_training(embedded):
    found, _ = embedded([0, 4, 100], is_training=False)
    assert not found.any()


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_has_both(settings, tiny, method):
    """In training the loss is smoothed and disturbed, held-out it is neither; weights of messages count in both."""
    from zhinao.model.tokenizer import Tokenizer
    from zhinao.train.net import load as models

    def loss(is_training, **more):
        net = models.load(settings(method=method, training_arguments=more), tiny, Tokenizer.load(tiny)).train(
            is_training
        )
        ids = torch.arange(40)[None]
        weights = torch.linspace(0, 1, 40)[None]
        with torch.no_grad():
            torch.manual_seed(1)
            return net(input_ids=ids, labels=ids, loss_weights=weights).loss.item()

    plain = loss(True)
    smoothed, disturbed = loss(True, label_smoothing_factor=0.5), loss(True, neftune_noise_alpha=50)
    assert smoothed != pytest.approx(plain, rel=1e-4) and disturbed != pytest.approx(plain, rel=1e-4)
    assert loss(False, label_smoothing_factor=0.5, neftune_noise_alpha=50) == pytest.approx(plain, rel=1e-6)
