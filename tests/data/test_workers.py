"""Processes that encode side by side are started so that Ctrl-C reaches only the one that waits. Starts none."""

import signal
import threading
from concurrent.futures import Future

import pytest

from zhinao.data.store import workers


class Pool:
    """Instead of processes: what they would have inherited. `interrupts`: the batches at which Ctrl-C comes."""

    def __init__(self, *_):
        self.masked, self.interrupts, self.is_shut = [], (), False

    def submit(self, work, batch):
        if batch in self.interrupts:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        self.masked.append(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        (done := Future()).set_result(work(batch))
        return done

    def shutdown(self, cancel_futures):
        self.is_shut = cancel_futures


@pytest.fixture
def pool(monkeypatch):
    made = Pool()
    monkeypatch.setattr(workers, "ProcessPoolExecutor", lambda *_: made)
    return made


def blocked() -> set:
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_no_process_is_born_that_ctrl_c_would_kill(pool):
    before = blocked()
    assert list(workers.in_order(abs, [-1, -2, -3], 2, print, ())) == [1, 2, 3]
    assert pool.masked == [True] * 3 and blocked() == before and pool.is_shut


def test_a_ctrl_c_that_comes_meanwhile_is_not_lost(pool):
    before, pool.interrupts = blocked(), (-2,)
    with pytest.raises(KeyboardInterrupt):
        list(workers.in_order(abs, [-1, -2, -3], 2, print, ()))
    assert len(pool.masked) == 2 and blocked() == before and pool.is_shut
