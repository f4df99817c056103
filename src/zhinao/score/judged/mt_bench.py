"""MT-bench: a judge rates each of two turns from 1 to 10 (Zheng et al. 2023; FastChat's prompts for single answers, word for word)."""

import re
from dataclasses import dataclass

from zhinao.score.grade import Grade

# Categories whose judge gets a reference answer.
REFERENCED = ("math", "reasoning", "coding")
_QUALITY = "Please act as an impartial judge and evaluate the quality of the response provided by an AI assistant to the user question"
_DISPLAYED = " displayed below."
_FACTORS = " Your evaluation should consider factors such as the helpfulness, relevance, accuracy, depth, creativity, and level of detail of the response."
_CORRECT = " Your evaluation should consider correctness and helpfulness. You will be given a reference answer and the assistant's answer."
_SECOND = " You evaluation should focus on the assistant's answer to the second {}question."
_SHORT = " Begin your evaluation by providing a short explanation."
_COMPARE = " Begin your evaluation by comparing the assistant's answer with the reference answer. Identify and correct any mistakes."
_RATE = (
    " Be as objective as possible. After providing your explanation, you must rate the response on a scale of 1 to 10 by strictly"
    ' following this format: "[[rating]]", for example: "Rating: [[5]]".\n\n'
)
_RATING, _ONE = re.compile(r"\[\[(\d+\.?\d*)\]\]"), re.compile(r"\[(\d+\.?\d*)\]")


@dataclass(frozen=True)
class MtBench:
    """`item.facts`: `category`, `references` (two texts, or none); `item.prompt`, `item.turns`: the questions."""

    temperature: float = 0.0
    retries: int = 0

    def messages(self, item, answers: list[str]) -> list[list[dict]]:
        """One question to the judge for each turn."""
        questions = [item.prompt if isinstance(item.prompt, str) else item.prompt[-1]["content"], *item.turns]
        references = item.facts.get("references") or ()
        return [self._first(questions, answers, references), self._second(questions, answers, references)][
            : len(answers)
        ]

    def parse(self, text: str, item) -> float | None:
        """[[n]], else [n]; None where there is none, or it is beyond 1 to 10."""
        found = _RATING.search(text) or _ONE.search(text)
        rating = float(found[1]) if found else None
        return rating if rating is not None and 1 <= rating <= 10 else None

    def grade(self, item, verdicts: list[float | None]) -> Grade:
        """The mean of the ratings that could be read, a tenth of it."""
        read = [verdict for verdict in verdicts if verdict is not None]
        score = sum(read) / len(read) / 10 if read else None
        return Grade(score, " ".join("-" if one is None else f"{one:g}" for one in verdicts), {"ratings": verdicts})

    def _first(self, questions, answers, references) -> list[dict]:
        if references:
            text = f"[Instruction]\n{_QUALITY}{_DISPLAYED}{_CORRECT}{_COMPARE}{_RATE}[Question]\n{questions[0]}\n\n"
            text += f"[The Start of Reference Answer]\n{references[0]}\n[The End of Reference Answer]\n\n"
        else:
            text = f"[Instruction]\n{_QUALITY}{_DISPLAYED}{_FACTORS}{_SHORT}{_RATE}[Question]\n{questions[0]}\n\n"
        text += f"[The Start of Assistant's Answer]\n{answers[0]}\n[The End of Assistant's Answer]"
        return [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": text}]

    def _second(self, questions, answers, references) -> list[dict]:
        if len(answers) < 2:
            return []
        talk = _conversation("Assistant A's Conversation with User", "Assistant A", questions, answers)
        if references:
            system = f"{_QUALITY}.{_CORRECT}{_SECOND.format('')}{_COMPARE}{_RATE}"
            talk = _conversation("Reference Answer", "Reference answer", questions, references) + "\n\n\n" + talk
        else:
            system = f"{_QUALITY}{_DISPLAYED}{_FACTORS}{_SECOND.format('user ')}{_SHORT}{_RATE}"
        return [{"role": "system", "content": system}, {"role": "user", "content": talk}]


def _conversation(title: str, name: str, questions, answers) -> str:
    turns = "\n\n".join(
        f"### User:\n{question}\n\n### {name}:\n{answer}" for question, answer in zip(questions, answers, strict=False)
    )
    return f"<|The Start of {title}|>\n\n{turns}\n\n<|The End of {title}|>"
