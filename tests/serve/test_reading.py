"""A long prompt is read a piece at a time: what comes meanwhile waits for a piece, not for all of it."""

import asyncio

import pytest

from zhinao.engine.base import Chunk, Engine, EngineInfo, Generation
from zhinao.errors import ContextLengthError
from zhinao.serve.run.live_answer import Wire
from zhinao.serve.run.reading import PIECE, Reading


class Answered(Generation):
    """Ends when the test says so."""

    def __init__(self, engine, ids):
        self.engine, self.num_prompt_tokens, self.is_cancelled = engine, len(ids), False

    def __iter__(self):
        raise AssertionError

    def listen(self, hear):
        self.hear = hear

    def cancel(self):
        self.is_cancelled = True


class Scripted(Engine):
    def __init__(self, keeps_prompts=True, num_context_tokens=10_000):
        self.info = EngineInfo("scripted", "cpu", "int8", 100, num_context_tokens)
        self.asked, self._keeps = [], keeps_prompts

    keeps_prompts = property(lambda self: self._keeps)

    def generate(self, prompt_ids, sampling):
        self.asked.append(Answered(self, prompt_ids))
        return self.asked[-1]

    def score(self, prompt_ids, is_left=lambda: False):
        raise AssertionError

    def close(self):
        pass

    def lengths(self):
        return [one.num_prompt_tokens for one in self.asked]


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


async def send(reading, engine, client, num_tokens, log, name):
    """What a request does: its whole prompt when its turn comes."""
    wire = Wire(asyncio.get_running_loop())
    async with reading.turn(client, [1] * num_tokens, engine, wire) as is_read:
        log.append(name)
        is_read()


async def finish_piece(engine):
    engine.asked[-1].hear(Chunk((7,), None, "length"))
    await settled()


def test_a_newcomer_waits_for_a_piece():
    async def play():
        engine, reading, log = Scripted(), Reading(), []
        long = asyncio.create_task(send(reading, engine, "hog", 7 * PIECE, log, "long"))
        more = [asyncio.create_task(send(reading, engine, "hog", 7 * PIECE, log, "long too")) for _ in range(3)]
        await settled()
        assert engine.lengths() == [PIECE, PIECE], "two are half read, the others wait"
        newcomer = asyncio.create_task(send(reading, engine, "new", 30, log, "new"))
        await settled()
        assert log == [], "what the engine has is enough for it"
        await finish_piece(engine)
        assert log == ["new"] and newcomer.done()
        while not long.done():
            for one in list(engine.asked):
                one.hear(Chunk((7,), None, "length"))
            await settled()
        assert engine.lengths()[::2][:6] == [PIECE * n for n in range(1, 6)] + [PIECE]
        for task in more:
            task.cancel()
        await asyncio.gather(*more, return_exceptions=True)
        assert reading.taken == 0 and all(one.is_cancelled for one in engine.asked)

    asyncio.run(play())


def test_who_leaves_half_way_has_nothing_read_any_more():
    async def play():
        engine, reading, log = Scripted(), Reading(), []
        task = asyncio.create_task(send(reading, engine, "a", 5 * PIECE, log, "a"))
        await settled()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(engine.asked) == 1 and engine.asked[0].is_cancelled and (reading.taken, log) == (0, [])
        await send(reading, engine, "b", 20, log, "b")

    asyncio.run(play())


@pytest.mark.parametrize(("keeps", "num_tokens"), [(False, 9 * PIECE), (True, PIECE), (True, 2 * PIECE)])
def test_what_is_sent_at_once(keeps, num_tokens):
    engine, log = Scripted(keeps), []
    asyncio.run(send(Reading(), engine, "a", num_tokens, log, "a"))
    assert (engine.asked, log) == ([], ["a"])


def test_what_cannot_fit_is_not_read():
    engine = Scripted(num_context_tokens=1000)
    with pytest.raises(ContextLengthError):
        asyncio.run(send(Reading(), engine, "a", 5 * PIECE, [], "a"))
    assert engine.asked == []
