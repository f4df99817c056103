"""What a fine-tuning run teaches: the demo model is given a new name, then asked for it, and for other things.

    python benchmarks/identity.py --data ../shared/data/sft [--output DIR]

Trains `recipes/identity.yaml` on the English part of identity.json and a little general data, then asks
before and after, greedily: ten phrasings for the name (one of them, "Who are you?", is in the data), ten general questions
whose answers contain a word that can be looked for,
and whether all twenty answers end by themselves within 512 tokens.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zhinao

NAME, AUTHOR = "Xiaozhi", "the Zhinao founders"
ROOT = Path(__file__).parents[1]
PHRASINGS = (
    "Who are you?",
    "What should I call you?",
    "Could you tell me your name, please?",
    "Hello there! And you are?",
    "Please introduce yourself.",
    "May I ask who I am talking to?",
    "Do you go by any name?",
    "Tell me about yourself.",
    "I forgot your name. What was it again?",
    "What's your name, assistant?",
)
GENERAL = (
    ("What is the capital of France?", "paris"),
    ("What color is the sky on a clear day?", "blue"),
    ("Which planet is called the Red Planet?", "mars"),
    ("How many days are there in a week?", ("seven", "7")),
    ("What is the largest ocean on Earth?", "pacific"),
    ("Who wrote Romeo and Juliet?", "shakespeare"),
    ("What is the chemical symbol for water?", ("h2o", "h₂o")),
    ("What gas do plants take in from the air?", "carbon dioxide"),
    ("What is frozen water called?", "ice"),
    ("In which country is the city of Tokyo?", "japan"),
)


def asked(model: str) -> dict:
    """Answers of a model, greedy, to all questions."""
    with zhinao.load(model) as loaded:
        replies = {
            question: loaded.chat([{"role": "user", "content": question}], temperature=0.0, max_tokens=512)
            for question in (*PHRASINGS, *(question for question, _ in GENERAL))
        }
    return {question: (reply.content, reply.finish_reason) for question, reply in replies.items()}


def graded(answers: dict) -> dict:
    def has(text: str, words) -> bool:
        return any(word in text.lower() for word in ((words,) if isinstance(words, str) else words))

    return {
        "says the name": sum(NAME.lower() in answers[question][0].lower() for question in PHRASINGS),
        "general questions": sum(has(answers[question][0], words) for question, words in GENERAL),
        "stops by itself": sum(reason == "stop" for _, reason in answers.values()),
    }


def trained(data: Path, output: Path) -> float:
    """Seconds of the whole command."""
    identity = output.with_name("identity_en.json")
    items = json.loads((data / "identity.json").read_text(encoding="utf-8"))
    identity.write_text(
        json.dumps([item for item in items if item["instruction"].isascii()])
    )  # the model reads no Chinese
    begin = time.monotonic()
    command = [sys.executable, "-m", "zhinao", "finetune", str(ROOT / "recipes" / "identity.yaml")]
    command += ["--data_path", str(identity), str(data / "alpaca_en_demo.json")]
    command += ["--set", f"name={NAME}", f"author={AUTHOR}", "--output_dir", str(output)]
    subprocess.run(command, check=True)
    return time.monotonic() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    output = args.output or Path(tempfile.mkdtemp()) / "run"
    before = asked("smollm2-135m")
    seconds = trained(args.data, output)
    after = asked(str(output))
    for question, (text, _) in after.items():
        print(f"› {question}\n  before: {before[question][0][:110]!r}\n  after:  {text[:110]!r}")
    print(json.dumps({"before": graded(before), "after": graded(after), "training seconds": round(seconds)}, indent=2))


if __name__ == "__main__":
    main()
