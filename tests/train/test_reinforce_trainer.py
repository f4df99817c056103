"""GRPO's arithmetic against values worked out by hand and against a plain loop; what is counted; where it stops."""

import pytest
import torch

from tests.train.reinforce_parts import END, Given, load, log_probs, make_trainer, plain_loss

PROMPTS = [([5, 6, 7], "1"), ([8, 9], "1")]
# two completions of each prompt; reward is their number of tokens
FIRST = [[11, 12, END], [13, END], [14, 15, 16, 17, END], [18, 19, 20]]
ASKED = [PROMPTS[0][0], PROMPTS[0][0], PROMPTS[1][0], PROMPTS[1][0]]


def weights(model) -> dict:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def log(trainer, name):
    return [line[name] for line in trainer.state.log_history if name in line]


def test_advantages_are_rewards_less_their_groups_mean_over_its_spread(tiny, tmp_path):
    trainer = make_trainer(tiny, tmp_path, PROMPTS, Given([FIRST]))
    kept = []
    plain = trainer._generate_and_score_completions
    trainer._generate_and_score_completions = lambda inputs: kept.append(plain(inputs)) or kept[-1]
    trainer.train()
    # rewards 3 and 2: mean 2.5, spread √0.5; 5 and 3: mean 4, spread √2 (n - 1 in the variance)
    by_hand = [0.5 / (0.5**0.5 + 1e-4), -0.5 / (0.5**0.5 + 1e-4), 1 / (2**0.5 + 1e-4), -1 / (2**0.5 + 1e-4)]
    assert kept[0]["advantages"].tolist() == pytest.approx(by_hand, abs=1e-5)
    assert log(trainer, "reward") == [pytest.approx(3.25)]
    assert log(trainer, "completions/clipped_ratio") == [0.25]  # the last has no end
    assert trainer.counts.num_supervised == 13 and trainer.counts.num_documents == 4
    assert trainer.counts.num_tokens == 13 + 3 + 3 + 2 + 2


@pytest.mark.parametrize("kind", ["grpo", "dapo", "bnpo", "dr_grpo"])
def test_one_step_equals_a_plain_loop(tiny, tmp_path, kind):
    trainer = make_trainer(tiny, tmp_path, PROMPTS, Given([FIRST]), loss_type=kind, scale_rewards="none")
    trainer.train()
    model = load(tiny)
    loss = plain_loss(model, list(zip(ASKED, FIRST, strict=True)), [0.5, -0.5, 1.0, -1.0], kind)
    loss.backward()
    assert log(trainer, "loss")[0] == pytest.approx(loss.item(), abs=1e-4)
    trained = weights(trainer.model)
    for name, value in model.named_parameters():
        assert torch.allclose(trained[name], value - 0.1 * value.grad, atol=1e-4), name
    assert any(not torch.equal(trained[name], value) for name, value in model.named_parameters())


def test_a_second_step_on_the_same_completions_is_clipped_and_held_to_the_reference(tiny, tmp_path):
    given = {"loss_type": "grpo", "scale_rewards": "none", "learning_rate": 0.02}
    trainer = make_trainer(
        tiny, tmp_path, PROMPTS, Given([FIRST]), reference=load(tiny), beta=0.5, epsilon=0.05, epsilon_high=0.1,
        num_iterations=2, max_steps=2, **given,
    )  # fmt: skip
    trainer.train()
    model, reference = load(tiny), load(tiny)
    rows, advantages = list(zip(ASKED, FIRST, strict=True)), [0.5, -0.5, 1.0, -1.0]
    with torch.no_grad():
        old = [log_probs(model, *row) for row in rows]
    options = {"old": old, "reference": reference, "beta": 0.5, "low": 0.05, "high": 0.1}
    optimizer = torch.optim.SGD(model.parameters(), 0.02)
    losses = []
    for _ in range(2):
        loss = plain_loss(model, rows, advantages, "grpo", **options)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert log(trainer, "loss") == pytest.approx(losses, abs=1e-4)
    assert log(trainer, "kl")[0] == pytest.approx(0, abs=1e-6) and log(trainer, "kl")[1] > 1e-3
    assert log(trainer, "clip_ratio/region_mean")[1] > 0


def test_completions_that_were_cut_teach_nothing_where_that_is_wanted(tiny, tmp_path):
    trainer = make_trainer(
        tiny, tmp_path, PROMPTS, Given([FIRST]), loss_type="dapo", scale_rewards="none", mask_truncated_completions=True
    )
    trainer.train()
    loss = plain_loss(load(tiny), list(zip(ASKED, FIRST, strict=True))[:3], [0.5, -0.5, 1.0], "dapo")
    assert log(trainer, "loss")[0] == pytest.approx(loss.item(), abs=1e-4)


def test_mismatch_is_shown_and_stops(tiny, tmp_path):
    from zhinao.train.loop.reinforce_trainer import MismatchError

    trainer = make_trainer(tiny, tmp_path / "a", PROMPTS, Given([FIRST]))
    trainer.train()
    assert log(trainer, "mismatch")[0] < 1e-5
    trainer = make_trainer(tiny, tmp_path / "b", PROMPTS, Given([FIRST] * 4, error=0.7), max_steps=4)
    trainer.max_mismatch = 0.5
    with pytest.raises(MismatchError, match="apart"):
        trainer.train()
    assert trainer.state.global_step == 2 and log(trainer, "mismatch") == pytest.approx([0.7, 0.7], abs=1e-3)


def test_another_engines_probabilities_are_corrected_for(tiny, tmp_path):
    """A sampler that thought each token e^0.3 less likely than it is: ratios of 1.35 weigh what is learned."""
    rollouts = Given([FIRST], error=-0.3)
    rollouts.is_foreign = True
    trainer = make_trainer(
        tiny, tmp_path, PROMPTS, rollouts, loss_type="dr_grpo", scale_rewards="none", num_iterations=2
    )
    trainer.train()
    loss = plain_loss(load(tiny), list(zip(ASKED, FIRST, strict=True)), [0.5, -0.5, 1.0, -1.0], "dr_grpo").item()
    assert log(trainer, "loss")[0] == pytest.approx(loss * 2.718281828**0.3, abs=1e-4)
