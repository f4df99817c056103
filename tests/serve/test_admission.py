import asyncio
import random

import pytest

from zhinao.serve.errors import ApiError
from zhinao.serve.run.admission import Admission


def run(test):
    asyncio.run(asyncio.wait_for(test(), 20))


class Guest:
    """A request that holds its slot until it is told to go."""

    def __init__(self, admission, client="", log=None):
        self.leave, self.log, self.client = asyncio.Event(), log if log is not None else [], client
        self.task = asyncio.create_task(self._run(admission))

    async def _run(self, admission):
        async with admission.slot(self.client):
            self.log.append(self.client)
            await self.leave.wait()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_some_run_some_wait_the_rest_are_refused():
    async def test():
        admission = Admission(2, 1)
        guests = [Guest(admission) for _ in range(4)]
        await settle()
        assert (admission.num_running, admission.num_waiting) == (2, 1)
        with pytest.raises(ApiError) as caught:
            await guests[3].task
        assert caught.value.status == 429 and caught.value.code == "queue_full"
        assert 1 <= int(caught.value.headers["Retry-After"]) <= 60
        for guest in guests[:3]:
            guest.leave.set()
        await asyncio.gather(*(guest.task for guest in guests[:3]))
        assert (admission.num_running, admission.num_waiting) == (0, 0)
        await admission.idle()

    run(test)


def test_clients_take_turns():
    async def test():
        admission, log = Admission(1, 10), []
        first = Guest(admission, "first", log)
        await settle()
        guests = [Guest(admission, name, log) for name in "aaaabbc"]
        await settle()
        for guest in (first, *guests):
            guest.leave.set()
        await asyncio.gather(*(guest.task for guest in guests))
        assert log == ["first", *"abcabaa"]

    run(test)


def test_nobody_fills_the_queue_alone():
    async def test():
        admission, log = Admission(1, 4), []
        holder = Guest(admission, "greedy", log)
        await settle()
        guests = [Guest(admission, "greedy", log) for _ in range(4)]
        await settle()
        modest = Guest(admission, "modest", log)
        await settle()
        assert admission.num_waiting == 4
        with pytest.raises(ApiError):
            await guests[3].task  # the newest of the longest row had to go
        more = Guest(admission, "greedy", log)
        await settle()
        with pytest.raises(ApiError):
            await more.task
        for guest in (holder, *guests, modest):
            guest.leave.set()
        await modest.task
        assert log[:3] == ["greedy", "greedy", "modest"]

    run(test)


def test_a_waiting_client_that_leaves_frees_its_place():
    async def test():
        admission = Admission(1, 1)
        holder, waiting = Guest(admission), Guest(admission)
        await settle()
        waiting.task.cancel()
        await settle()
        assert admission.num_waiting == 0
        other = Guest(admission)
        holder.leave.set()
        other.leave.set()
        await other.task
        assert admission.num_running == 0

    run(test)


def test_a_client_that_leaves_at_the_moment_of_its_turn_loses_no_slot():
    async def test():
        admission = Admission(1, 2)
        holder, gone, patient = (Guest(admission) for _ in range(3))
        await settle()
        holder.leave.set()
        await asyncio.sleep(0)  # the holder ends and gives its slot away
        gone.task.cancel()
        await settle()
        assert (admission.num_running, admission.num_waiting) == (1, 0)
        patient.leave.set()
        await patient.task
        assert admission.num_running == 0

    run(test)


def test_closing_refuses_the_waiting_and_lets_the_running_end():
    async def test():
        admission = Admission(1, 5)
        holder, waiting = Guest(admission), Guest(admission)
        await settle()
        admission.close()
        for task in (waiting.task, Guest(admission).task):
            with pytest.raises(ApiError) as caught:
                await task
            assert caught.value.status == 503 and caught.value.headers["Retry-After"]
        idle = asyncio.create_task(admission.idle())
        await settle()
        assert not idle.done() and admission.num_waiting == 0
        holder.leave.set()
        await idle

    run(test)


def test_an_error_inside_frees_the_slot():
    async def test():
        admission = Admission(1, 0)
        with pytest.raises(ValueError):
            async with admission.slot():
                raise ValueError
        assert admission.num_running == 0

    run(test)


@pytest.mark.parametrize("seed", range(20))
def test_no_slot_is_ever_lost_or_doubled(seed):
    async def test():
        chance, admission = random.Random(seed), Admission(3, 6)
        inside = 0

        async def visit(client):
            nonlocal inside
            async with admission.slot(client):
                inside += 1
                assert inside <= 3
                try:
                    await asyncio.sleep(chance.random() * 0.002)
                finally:
                    inside -= 1

        tasks = []
        for _ in range(200):
            tasks.append(asyncio.create_task(visit(chance.choice("abc"))))
            if chance.random() < 0.4:
                chance.choice(tasks).cancel()
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.001)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(r) for r in results} <= {type(None), ApiError, asyncio.CancelledError}
        assert (admission.num_running, admission.num_waiting, inside, admission._held) == (0, 0, 0, {})

    run(test)


def test_a_client_that_has_nothing_running_need_not_wait_for_those_of_others():
    async def test():
        admission, log = Admission(16, 64), []
        hog = [Guest(admission, "hog", log) for _ in range(40)]
        await settle()
        assert (admission.num_running, admission.num_waiting) == (16, 24)
        others = [Guest(admission, name, log) for name in ("a", "b", "c")]
        await settle()
        assert log[16:] == ["a", "b"] and admission.num_running == 18  # an eighth more, and no further
        second = Guest(admission, "a", log)
        hog[0].leave.set()
        await settle()
        assert log[18:] == ["c"], "c has nothing running; a and the hog wait, since more run than should"
        for guest in (*hog, *others, second):
            guest.leave.set()
        await asyncio.gather(*(guest.task for guest in (*hog, *others, second)))
        assert (admission.num_running, admission.num_waiting) == (0, 0)

    run(test)


def test_more_answers_than_could_ever_run_and_wait():
    Admission(4, 4).check("a", 8)
    with pytest.raises(ApiError) as caught:
        Admission(4, 4).check("a", 9)
    assert caught.value.status == 400 and caught.value.param == "n"


def test_more_answers_than_there_is_room_for():
    async def test():
        admission = Admission(2, 4)
        guests = [Guest(admission, "hog") for _ in range(4)]
        await settle()
        admission.check("hog", 2)
        admission.check("other", 3)  # it would take the places of the hog's
        with pytest.raises(ApiError) as caught:
            admission.check("hog", 3)
        assert caught.value.status == 429 and caught.value.code == "queue_full"
        for guest in guests:
            guest.leave.set()
        await asyncio.gather(*(guest.task for guest in guests))

    run(test)


def test_a_visit_keeps_the_server_and_a_closed_one_takes_none():
    async def test():
        admission = Admission(1, 1)
        with admission.visit():
            admission.close()
            idle = asyncio.create_task(admission.idle())
            await settle()
            assert not idle.done()
        await idle
        with pytest.raises(ApiError) as caught, admission.visit():
            pass
        assert caught.value.status == 503

    run(test)
