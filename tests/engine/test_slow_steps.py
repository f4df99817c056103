from zhinao.engine.openvino.slow_steps import Constrained, SlowSteps


def grown(text="a", seconds=0.001, num_tokens=50, is_new=False):
    return Constrained(text, seconds, is_new, num_tokens)


def usual(seconds=0.02):
    steps = SlowSteps()
    for _ in range(30):
        assert steps.blamed(seconds, False, {}) == []
    return steps


def slow(steps, live, num, seconds=2.0, is_reading=False):
    return [steps.blamed(seconds, is_reading, live) for _ in range(num)]


def test_slow_steps_in_a_row_end_the_one_that_cost_most_when_it_was_tried():
    live = {1: grown("a"), 2: grown("b", 0.05), 3: grown("c", 0.01, 900)}
    assert slow(usual(), live, 3) == [[], [], [2]]


def test_many_of_one_grammar_go_together():
    live = {n: grown("many", 0.004) for n in range(32)} | {99: grown("one", 0.05)}
    assert slow(usual(), live, 3)[-1] == list(range(32))


def test_of_equals_the_longest_goes():
    live = {1: grown("a", num_tokens=20), 2: grown("b", num_tokens=300)}
    assert slow(usual(), live, 3)[-1] == [2]


def test_where_it_stays_slow_the_next_goes():
    steps, live = usual(), {1: grown("a", 0.05), 2: grown("b")}
    slow(steps, live, 3)
    del live[1]
    assert slow(steps, live, 3)[-1] == [2]


def test_single_slow_steps_and_those_of_a_slow_machine_end_nobody():
    steps, live = usual(), {1: grown()}
    for _ in range(20):
        assert slow(steps, live, 2) == [[], []]
        assert steps.blamed(0.02, False, live) == []
    assert slow(usual(0.9), live, 10) == [[]] * 10, "that is what a step takes there"
    assert slow(usual(), live, 10, seconds=0.5) == [[]] * 10


def test_steps_without_grown_grammars_blame_nobody():
    assert slow(usual(), {}, 10) == [[]] * 10
    assert slow(usual(), {1: grown(num_tokens=3)}, 10) == [[]] * 10
    new = {1: grown(), 2: grown("b", num_tokens=1, is_new=True)}
    assert slow(usual(), new, 10) == [[]] * 10, "it was compiled in that step"


def test_a_prompt_that_is_read_beside_hides_nobody():
    steps = usual()
    for _ in range(10):
        steps.blamed(0.5, True, {})
    assert slow(steps, {1: grown()}, 10, is_reading=True) == [[]] * 10
    waiting = {1: grown("a", 0.05), 2: grown("b", num_tokens=0)}
    assert slow(steps, waiting, 3, seconds=5.0, is_reading=True)[-1] == [1]
