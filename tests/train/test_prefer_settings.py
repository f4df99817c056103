"""What can be set about preference tuning, and what is refused before anything is loaded."""

from pathlib import Path

import pytest

from zhinao import cli, config
from zhinao.errors import UsageError
from zhinao.train.settings import flags
from zhinao.train.settings.prefer import PreferSettings, decided

GIVEN = {"data_path": ("pairs.json",), "model_name_or_path": "model", "output_dir": "out"}


def test_defaults_by_loss_and_method():
    dpo, nca = decided(PreferSettings()), decided(PreferSettings(loss="nca", method="lora"))
    assert (dpo.beta, dpo.learning_rate, dpo.reference) == (0.1, 5e-7, "copy")
    assert (nca.beta, nca.learning_rate, nca.reference) == (0.3, 5e-6, None)
    kept = decided(PreferSettings(beta=0.2, learning_rate=1e-6, reference="precomputed"))
    assert (kept.beta, kept.learning_rate, kept.reference) == (0.2, 1e-6, "precomputed")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"beta": 0.0}, "--beta is 0.0; it must be above 0"),
        ({"label_smoothing": 0.5}, "below 0.5"),
        ({"label_smoothing": 0.1, "loss": "nca"}, "--loss dpo only"),
        ({"reference": "copy", "method": "lora"}, "without its adapters is the reference"),
        ({"reference": "precomputed", "method": "dora"}, "without its adapters is the reference"),
        ({"is_concat": True}, "--is_concat has no meaning here"),
        ({"train_on": "last"}, "--train_on has no meaning here"),
        ({"train_thoughts": False}, "--train_thoughts has no meaning here"),
        ({"new_tokens": ("<x>",)}, "`zhinao finetune` first"),
        ({"data_weights": (1.0,)}, "--data_weights has no meaning here"),
        ({"data_path": ()}, "--data_path is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, said):
    with pytest.raises(UsageError) as error:
        PreferSettings(**{**GIVEN, **given}).check()
    assert said in str(error.value)


def test_flags_of_finetuning_keep_their_names():
    parser = cli.verb_parser(cli.build_parser("prefer"), "prefer")
    words = [
        "--data_path",
        "a.json",
        "--model_name_or_path",
        "m",
        "--output_dir",
        "o",
        "--loss",
        "nca",
        "--beta",
        "0.5",
    ]
    settings = flags.settings_of(parser.parse_args(words), PreferSettings)
    assert (settings.data_path, settings.loss, settings.beta) == (("a.json",), "nca", 0.5)
    settings.check()
    with pytest.raises(UsageError):
        parser.parse_args(["--overlong", "split"])  # would cut an answer


@pytest.mark.parametrize("name", ["prefer-dpo", "prefer-nca"])
def test_recipes_hold(name):
    settings = config.load(PreferSettings, Path(__file__).parents[2] / "recipes" / f"{name}.yaml", GIVEN)
    settings.check()
    assert settings.loss == name.removeprefix("prefer-")
