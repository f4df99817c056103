"""Another model as a judge, by any OpenAI-compatible address. What it said is kept: the same question is never asked twice."""

import hashlib
import json
import threading
from pathlib import Path

from zhinao.errors import UsageError
from zhinao.evaluate.backend.url import Server, output_of
from zhinao.evaluate.task import Item, Task
from zhinao.lang import said, tr
from zhinao.outfile import cannot_write
from zhinao.score.grade import Grade


class Judge:
    """`model` at `url`. `kept`: a file of verdicts, one line each; grows, and is read at the start."""

    def __init__(self, url: str, model: str | None, kept: Path, waits=(1, 4, 15)):
        self._server = Server(url, waits=waits)
        names = [model] if model else self._server.models()
        if not names:
            raise UsageError(tr(f"{url} names no model.", f"{url} 没有列出模型。"), "--judge-model NAME")
        self.name = names[0]
        self._file, self._lock = kept, threading.Lock()
        self._verdicts = _read(kept)

    def grade(self, task: Task, item: Item, answers: list[str]) -> Grade:
        """Raises EngineError where the judge cannot be had. A verdict that cannot be read is asked for again, then told."""
        verdicts, unread = [], []
        for messages in task.judging.messages(item, answers):
            verdict, text = self._verdict(task, item, messages)
            verdicts.append(verdict)
            if verdict is None:
                unread.append(text[:500])
        grade = task.judging.grade(item, verdicts)
        more = {"judge": self.name, **({"unparsed": unread} if unread else {})}
        return Grade(grade.score, grade.extracted, {**grade.facts, **more})

    def _verdict(self, task: Task, item: Item, messages: list[dict]) -> tuple[object, str]:
        text = ""
        for attempt in range(1 + task.judging.retries):
            text = self._asked(task, messages, attempt)
            if (verdict := task.judging.parse(text, item)) is not None:
                return verdict, text
        return None, text

    def _asked(self, task: Task, messages: list[dict], attempt: int) -> str:
        key = hashlib.sha256(json.dumps([self.name, messages, attempt], ensure_ascii=False).encode()).hexdigest()
        if key not in self._verdicts:
            body = {
                "model": self.name,
                "messages": messages,
                "temperature": task.judging.temperature,
                "max_tokens": 2048,
            }
            try:
                text = output_of(self._server.post("chat/completions", body), self.name).text
            except UsageError as error:  # whatever the judge refuses, it is no fault of an answer
                raise UsageError(
                    tr(f"The judge: {said(error.message)}", f"评审模型：{said(error.message)}"), error.hint
                ) from None
            self._keep(key, text)
        return self._verdicts[key]

    def _keep(self, key: str, text: str) -> None:
        with self._lock:
            self._verdicts[key] = text
            try:
                with open(self._file, "a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "judge": self.name, "text": text}, ensure_ascii=False) + "\n")
            except OSError as error:
                raise cannot_write(self._file, error) from None


def _read(file: Path) -> dict[str, str]:
    found = {}
    if file.is_file():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                one = json.loads(line)
                found[one["key"]] = one["text"]
            except (ValueError, KeyError, TypeError):  # a line that a crash has cut
                continue
    return found
