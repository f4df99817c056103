"""The engine process seen from the parent: start it, send requests, hand out what comes back, notice its death.

Knows the pipe and the process, neither sampling nor models.
"""

import contextlib
import fcntl
import itertools
import json
import queue
import tempfile
import threading
from collections.abc import Callable

from zhinao.engine.openvino.child import Child
from zhinao.engine.openvino.outbox import Outbox
from zhinao.errors import EngineError
from zhinao.lang import tr

_PIPE_BYTES = 2**20  # a long prompt fits into the pipe at once: the worker reads only between steps


class Answers:
    """What comes back for one request, to be waited for with `get`, or told to a listener as it comes."""

    def __init__(self):
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._hear: Callable | None = None
        self._lock = threading.Lock()

    def put(self, answer) -> None:
        with self._lock:
            if self._hear is None:
                self._queue.put(answer)
            else:
                self._hear(answer)

    def get(self, timeout: float | None = None):
        """None where nothing comes in time."""
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def tell(self, hear: Callable) -> None:
        """Call `hear` with what is there and with everything that comes, from the thread that brings it."""
        with self._lock:
            while not self._queue.empty():
                hear(self._queue.get())
            self._hear = hear


class WorkerProcess:
    """One run of `worker`. Each request has Answers that get chunks `[ids, logprobs, finish]` or an EngineError.

    It starts importing OpenVINO at once; `load` then says what. Requests may be sent while the model is still loading, and
    nobody who sends waits for the process to read. `on_death` is called from the reader's thread when the process ended unasked.
    """

    def __init__(self):
        self.on_death: Callable[[WorkerProcess], None] | None = None
        self._lock = threading.RLock()  # a request may be forgotten by the garbage collector, at any moment
        self._queues: dict[int, Answers] = {}
        self._numbers = itertools.count(1)
        self._is_closing, self._why = False, ""
        self._is_settled = threading.Event()  # ready, or ended
        self.load_seconds: float | None = None  # None until it is ready
        self.error: EngineError | None = None  # set once it has ended
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the reader's thread)
        self._process = Child("zhinao.engine.openvino.worker", stderr=self._log)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._process.stdin, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._outbox = Outbox(self._process.stdin)
        threading.Thread(target=self._listen, name="zhinao-engine", daemon=True).start()

    def load(self, settings: dict) -> None:
        """Say which graph to load, and how. See `openvino_settings.for_worker`."""
        self._outbox.put(settings)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_idle(self) -> bool:
        """Whether it is loaded and nobody waits for anything."""
        return self.load_seconds is not None and self.error is None and not self._queues

    def request(self, do: str, **fields) -> tuple[int, Answers]:
        """Send a request; returns its number and where its answers come. Raises EngineError where the process has ended."""
        answers = Answers()
        with self._lock:
            if self.error:
                raise self.error
            number = next(self._numbers)
            self._queues[number] = answers
        self._outbox.put({"do": do, "id": number, **fields}, key=number)
        return number, answers

    def wait_until_ready(self, timeout: float | None = None) -> float:
        """The seconds that loading took. Raises EngineError where it failed, or is not done after `timeout` seconds."""
        if not self._is_settled.wait(timeout):
            raise EngineError(tr("The engine is still loading.", "引擎仍在加载。"))
        if self.load_seconds is None:
            raise self.error
        return self.load_seconds

    def cancel(self, number: int) -> None:
        """Forget a request. Nothing more comes for it; one that is still on its way is never sent."""
        with self._lock:
            is_live = self._queues.pop(number, None) is not None and not self.error
        if is_live and not self._outbox.take_back(number):
            self._outbox.put({"do": "cancel", "id": number})

    def close(self) -> None:
        """End the process; what is running gets an EngineError. May be called twice."""
        self._is_closing = True
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._dispatch(json.loads(line))
        code = self._process.wait()
        with self._lock:
            self.error = self._obituary(code)
            waiting, self._queues = list(self._queues.values()), {}
        self._is_settled.set()
        for answers in waiting:
            answers.put(self.error)
        self._outbox.close()
        self._process.close()
        self._log.close()
        if self.on_death and not self._is_closing:
            self.on_death(self)

    def _dispatch(self, message: dict) -> None:
        if "chunks" in message:
            for number, *chunk in message["chunks"]:
                with self._lock:
                    answers = self._queues.pop(number, None) if chunk[2] else self._queues.get(number)
                if answers:
                    answers.put(chunk)
        elif "refused" in message:
            with self._lock:
                answers = self._queues.pop(message["refused"], None)
            if answers:
                why = message["why"]
                answers.put(EngineError(tr(f"The engine refused the request: {why}", f"引擎拒绝了请求：{why}")))
        elif "ready" in message:
            self.load_seconds = message["ready"]
            self._is_settled.set()
        else:
            self._why = message["failed"]

    def _obituary(self, code: int) -> EngineError:
        if self._is_closing:
            return EngineError(tr("The engine was closed.", "引擎已关闭。"))
        why = self._why or self._last_words() or (f"signal {-code}" if code < 0 else f"exit code {code}")
        hint = None
        if code == -9 and not self._why:
            hint = tr(
                "a process killed by signal 9 often ran out of memory; `zhinao doctor` shows what is free",
                "被信号 9 终止的进程往往是内存不足；`zhinao doctor` 可查看剩余内存",
            )
        return EngineError(tr(f"The engine process ended: {why}", f"引擎进程已退出：{why}"), hint)

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
