"""The tour from its first stage to its last: each is announced, done, measured, and written down. What stages do is in `stages.py`."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from zhinao import outfile
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.reason.problems import QUESTION
from zhinao.reason.tour import page, stages
from zhinao.reason.tour.stages import SHORT, WHOLE, Size

WORDS = {
    "decontaminate": ("leave out training problems that the test asks", "去掉与测试重复的训练题", "zhinao reason decontaminate"),
    "sft-1": ("learn the form of a thought, on easy problems", "在简单题上学习思考的形式", "zhinao finetune recipes/light-r1/stage1.yaml"),
    "sft-2": ("go on with harder problems", "继续学习较难的题", "zhinao finetune recipes/light-r1/stage2.yaml"),
    "rate": ("how often the model solves each problem", "模型解出每道题的比例", "zhinao reason rate MODEL problems.jsonl"),
    "rft": ("learn from its own right answers", "从自己答对的样本中学习", "zhinao reason sample, zhinao finetune"),
    "grpo": ("draw, grade, and learn from the difference", "采样、评分，从差别中学习", "zhinao reason grpo recipes/light-r1/grpo.yaml"),
    "convert": ("write it in the layout that other programs read", "写成其他程序可读的格式", "zhinao convert MODEL OUT --to qwen2"),
    "chat": ("ask the README's question", "问 README 中的问题", "zhinao chat MODEL"),
}  # fmt: skip


@dataclass
class Tour:
    """`rows`: what stages reached, as in tour.json."""

    out: Path
    size: Size
    seed: int
    rows: list[dict] = field(default_factory=list)
    held: dict[str, list] = field(default_factory=dict)

    def announce(self, name: str) -> float:
        english, chinese, command = WORDS[name]
        print(f"\n== {name}: {tr(english, chinese)}\n   {tr('at 7B', '7B 时')}: {command}", flush=True)
        return time.monotonic()

    def measured(self, name: str, folder: Path, since: float, posed) -> None:
        seconds = time.monotonic() - since
        share, (low, high) = stages.tested(folder, posed)
        row = {
            "name": name,
            "accuracy": round(share, 4),
            "interval": [round(low, 4), round(high, 4)],
            "seconds": round(seconds, 1),
        }
        self.rows.append(row)
        print(f"   {name}: {share:.1%} [{low:.1%}, {high:.1%}], {seconds:.0f} s", flush=True)
        outfile.write_text(self.out / "tour.json", json.dumps({"stages": self.rows}, indent=2) + "\n")


def run(out: Path, *, is_short: bool = False, seed: int = 0) -> list[dict]:
    """The stages with what each reached. Raises UsageError for a folder that holds something else."""
    import torch

    if out.exists() and any(out.iterdir()) and not (out / "tour.json").exists():
        raise UsageError(tr(f"{out} holds something else.", f"{out} 中有其他内容。"), "--out …")
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # matrices this small are not worth a second
    tour = Tour(out, SHORT if is_short else WHOLE, seed)
    model = _learned(tour)
    question = _asked(tour, model)
    outfile.write_text(out / "index.html", page.of(tour.rows, tour.held, QUESTION, question))
    print(f"\n{out / 'index.html'}\nzhinao chat {model}", flush=True)
    return tour.rows


def _learned(tour: Tour) -> Path:
    size, seed, out = tour.size, tour.seed, tour.out
    posed = stages.pose(size, seed)
    tour.announce("decontaminate")
    print(f"   {stages.decontaminate(posed)}")
    model = stages.first(out / "0-random", seed)

    since = tour.announce("sft-1")
    easy = posed.easy[: len(posed.easy) // 2]
    model, tour.held["sft-1"] = stages.sft(
        model, out / "1-sft", easy, posed.held, size.targets[0], size.seconds[0], size, seed
    )
    tour.measured("sft-1", model, since, posed)

    since = tour.announce("sft-2")
    hard = [*posed.easy[: len(posed.easy) // 2], *(posed.hard[: len(posed.hard) // 2] * 4)]
    model, tour.held["sft-2"] = stages.sft(
        model, out / "2-sft", hard, posed.held, size.targets[1], size.seconds[1], size, seed
    )
    tour.measured("sft-2", model, since, posed)

    since = tour.announce("rate")
    new = posed.hard[len(posed.hard) // 2 :][: size.num_rated] + posed.easy[-size.num_rated :]
    rated = stages.rate(model, out / "rated.jsonl", new, size.num_samples)
    print(f"   {_buckets(rated)}")

    tour.announce("rft")
    model, num = stages.rft(model, out / "3-rft", rated, size, seed)
    print("   " + tr(f"{num} right completions", f"{num} 个正确样本"))
    tour.measured("rft", model, since, posed)

    since = tour.announce("grpo")
    rated = stages.rate(model, out / "rated-2.jsonl", new, size.num_samples)
    model = stages.grpo(model, out / "4-grpo", rated, size, seed)
    tour.measured("grpo", model, since, posed)
    tour.announce("convert")
    print(f"   {stages.convert(model, out / '5-qwen2')}")
    return model


def _buckets(rated) -> str:
    shares = [sum(right) / len(right) for _, _, right in rated]
    never, always = sum(share == 0 for share in shares), sum(share == 1 for share in shares)
    return tr(
        f"never right {never}, sometimes {len(shares) - never - always}, always {always}",
        f"从未答对 {never}，有时答对 {len(shares) - never - always}，总是答对 {always}",
    )


def _asked(tour: Tour, model: Path) -> dict:
    """The answer to the README's question, with its thought; greedy, by the engine that `zhinao chat` takes."""
    from zhinao.api.model import load

    tour.announce("chat")
    with load(str(model), engine="transformers") as chat:
        reply = chat.chat([{"role": "user", "content": QUESTION}], temperature=0.0, max_tokens=128)
    found = {"thought": (reply.reasoning_content or "").strip(), "answer": reply.content.strip()}
    print(f"   {QUESTION}\n   <think>\n{found['thought']}\n   </think>\n   {found['answer']}", flush=True)
    return found
