import asyncio
import threading

import pytest

from zhinao.serve.gate.in_turn import InTurn
from zhinao.serve.gate.turns import Share


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_while_something_is_left_the_next_client_in_turn_takes_it():
    async def test():
        share, log, leave = Share(10), [], {}

        async def hold(name, client, amount):
            leave[name] = asyncio.Event()
            async with share.part(client, amount):
                log.append(name)
                await leave[name].wait()

        tasks = [
            asyncio.create_task(hold(*one))
            for one in (("a1", "a", 7), ("a2", "a", 7), ("a3", "a", 7), ("a4", "a", 7), ("b1", "b", 1))
        ]
        await settle()
        assert log == ["a1", "a2"] and share.taken == 14
        leave["a1"].set()
        await settle()
        assert log == ["a1", "a2", "a3"], "there was less than all of it taken again"
        leave["a2"].set()
        await settle()
        assert log[3:] == ["b1", "a4"], "b's turn comes before a's next"
        for one in leave.values():
            one.set()
        await asyncio.gather(*tasks)
        assert share.taken == 0

    asyncio.run(test())


def test_who_leaves_the_queue_takes_nothing_along():
    async def test():
        share = Share(1)
        give_back = await share.take("a", 1)
        waiting = [asyncio.create_task(share.take(name, 1)) for name in "bcd"]
        await settle()
        waiting[0].cancel()
        give_back()
        waiting[1].cancel()  # its turn had just come
        (await waiting[2])()
        give_back()
        assert share.taken == 0

    asyncio.run(asyncio.wait_for(test(), 5))


def test_one_by_one_also_where_a_client_leaves_what_cannot_be_stopped():
    async def test():
        work, go, log = InTurn(), threading.Event(), []

        def call(name):
            log.append(name)
            go.wait(10)
            return name

        first = asyncio.create_task(work.do("hog", call, "h1"))
        await asyncio.sleep(0.05)
        left = [asyncio.create_task(work.do("hog", call, f"h{n}")) for n in range(2, 9)]
        other = asyncio.create_task(work.do("other", call, "o"))
        await asyncio.sleep(0.05)
        for task in (first, *left[:-1]):
            task.cancel()
        go.set()
        assert await other == "o" and await left[-1] == "h8"
        assert sorted(log) == ["h1", "h8", "o"], "what was left behind before its turn is never begun"
        with pytest.raises(ZeroDivisionError):
            await work.do("hog", lambda: 1 / 0)
        work.close()

    asyncio.run(asyncio.wait_for(test(), 20))
