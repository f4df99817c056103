"""A whole tiny checkpoint with its tokenizer, conversations to train on, and runs of the real thing in this process."""

import json
import random

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer

WORDS = [
    "The",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "the",
    "lazy",
    "dog",
    "answer",
    "is",
    "42",
    "春天来了",
    "花开了",
    "hello",
    "world",
]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A random checkpoint of two layers in the published form, with vocabulary and template."""
    folder = make_checkpoint(tmp_path_factory.mktemp("tiny"), max_position_embeddings=512)
    return make_tokenizer(folder)


@pytest.fixture(scope="session")
def in_bf16(tmp_path_factory):
    """The same kind of checkpoint in bf16, as the published ones are."""
    folder = make_checkpoint(tmp_path_factory.mktemp("bf16"), dtype="BF16", max_position_embeddings=512)
    return make_tokenizer(folder)


def conversations(num: int, seed: int = 0) -> list[dict]:
    """Conversations of one to three turns and different lengths."""
    draw = random.Random(seed)

    def words(most: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))

    return [
        {
            "messages": [
                message
                for _ in range(draw.randint(1, 3))
                for message in ({"role": "user", "content": words(6)}, {"role": "assistant", "content": words(9)})
            ]
        }
        for _ in range(num)
    ]


@pytest.fixture(scope="session")
def chats(tmp_path_factory):
    """A file of 24 conversations."""
    file = tmp_path_factory.mktemp("chats") / "chats.jsonl"
    lines = [json.dumps({"id": n, **one}, ensure_ascii=False) for n, one in enumerate(conversations(24))]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def _home(tmp_path_factory, monkeypatch):
    """Encoded data are kept in a place of the tests' own."""
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def settings(tiny, chats, tmp_path):
    """A function that gives the settings of a short run; keyword arguments override."""
    from zhinao.train.settings.settings import TrainSettings

    def make(**more):
        return TrainSettings(
            **{
                "model_name_or_path": str(tiny),
                "data_path": (str(chats),),
                "output_dir": str(tmp_path / "run"),
                "model_max_length": 256,
                "bf16": False,
                "use_cpu": True,
                "learning_rate": 1e-3,
                "max_steps": 4,
                "save_strategy": "no",
                "sample_tokens": 0,
                "gradient_checkpointing": False,
                "preprocessing_num_workers": 1,
                **more,
            }
        )

    return make


def losses(output_dir) -> list[float]:
    """Of each step, from the run's own log."""
    lines = (output_dir / "log.jsonl").read_text().splitlines()
    return [record["loss"] for record in map(json.loads, lines) if record["kind"] == "train"]
