"""Rules in which no two ways begin alike, so that the library cannot mix them up.

It joins ways that begin alike, and where one of them ends underway it may turn the rest into a circle: of `"x1111" | "x11"` it
would allow `x111111`. What holds no reference is made deterministic here; ways that hold some get rules of their own,
which the library leaves apart.
"""

from dataclasses import dataclass
from itertools import pairwise

from zhinao.engine.grammar import utf8
from zhinao.engine.grammar.tree import EMPTY, NEVER, Alt, Chars, Ref, Repeat, Seq, Text, alt, chars, seq
from zhinao.errors import UsageError
from zhinao.lang import tr

_FUEL = 1_500_000  # places and ranges looked at: a second or two
_MAX_MERGED = 2_000  # states; of more it is not worth the time


def settled(named: dict) -> dict:
    """The rules of a grammar, mended; some are added. Raises UsageError where they are too many."""
    work = _Settler(named)
    for name, node in named.items():
        work.done[name] = work.node(node)
    return work.done


class _Settler:
    def __init__(self, named: dict):
        self.flat = {name: node for name, node in named.items() if _is_flat(node)}
        self.done: dict = {}
        self.sets: dict[Chars, Ref] = {}
        self.count, self.fuel = 0, _FUEL

    def spend(self, num: int) -> None:
        """Raises UsageError where it has been too much."""
        self.fuel -= num
        if self.fuel < 0:
            raise UsageError(tr("it has too many ways, or too long ones.", "其分支过多或过长。"))

    def own(self, node) -> Ref:
        """A rule for it."""
        if isinstance(node, Ref):
            return node
        self.count += 1
        self.done[f"w{self.count}"] = node
        return Ref(f"w{self.count}")

    def node(self, node):
        if _is_flat(node):
            return self.exact(node)
        match node:
            case Seq(parts):
                return seq(*map(self.node, _runs(parts)))
            case Repeat(part, least, most):
                return Repeat(self.own(self.node(part)), least, most)
            case Alt(parts):
                return self.ways([self.opened(part) for part in parts])
        return node

    def ways(self, parts: list):
        flat = [part for part in parts if _is_flat(part)]
        others = [self.own(self.node(part)) for part in parts if not _is_flat(part)]
        return alt(*([self.exact(alt(*flat))] if flat else []), *others)

    def opened(self, part):
        """With the rule in front put in where it holds no reference; the library would do the same."""
        match part:
            case Ref(name) if name in self.flat:
                return self.flat[name]
            case Seq((Ref(name), *rest)) if name in self.flat:
                return seq(self.flat[name], *rest)
        return part

    def exact(self, node):
        if not _may_differ(node) and not _has_wide_sets(node):
            return node
        places = _Places(self.spend)
        whole = places.add(node)
        is_good = all(places.are_apart(found) for found in (whole.first, *places.follow))
        if is_good and not utf8.is_mixed_up(places.states(whole)):
            return node
        return _Machine(places, whole, self).written()

    def alone(self, one: Chars) -> Ref:
        """A rule for a set that the library leaves apart: it holds a reference, to nothing."""
        if one not in self.sets:
            self.done["nil"] = EMPTY
            parts = [self.own(seq(part, Ref("nil"))) for part in utf8.layers(one)]
            self.sets[one] = self.own(alt(*parts))
        return self.sets[one]


def _is_flat(node) -> bool:
    match node:
        case Seq(parts) | Alt(parts):
            return all(map(_is_flat, parts))
        case Repeat(part, _, _):
            return _is_flat(part)
    return not isinstance(node, Ref)


def _may_differ(node) -> bool:
    """Whether it leaves a choice beyond which character of a set comes."""
    match node:
        case Seq(parts):
            return any(map(_may_differ, parts))
        case Alt(parts):
            return len(parts) > 1 or any(map(_may_differ, parts))
        case Repeat(part, least, most):
            return least != most or _may_differ(part)
    return False


def _has_wide_sets(node) -> bool:
    match node:
        case Seq(parts) | Alt(parts):
            return any(map(_has_wide_sets, parts))
        case Repeat(part, _, _):
            return _has_wide_sets(part)
        case Chars():
            return len(utf8.paths(node)) > 1
    return False


def _runs(parts: tuple) -> list:
    """Neighbours without references as one."""
    found: list = []
    for part in parts:
        if found and _is_flat(part) and _is_flat(found[-1]):
            found[-1] = seq(found[-1], part)
        else:
            found.append(part)
    return found


@dataclass
class _Span:
    """Of a part: whether it may be empty, the places where it may begin and end."""

    is_empty: bool
    first: frozenset
    last: frozenset


class _Places:
    """Every character or set of a tree is a place; `follow` says which may come after which (Glushkov's construction)."""

    def __init__(self, spend):
        self.spend = spend
        self.sets: list[Chars] = []
        self.follow: list[set[int]] = []

    def add(self, node) -> _Span:
        self.spend(1)
        match node:
            case Text(text):
                return self.chain([self.place(chars((ord(char), ord(char)))) for char in text])
            case Chars():
                return self.place(node)
            case Seq(parts):
                return self.chain([self.add(part) for part in parts])
            case Alt(parts):
                spans = [self.add(part) for part in parts]
                return _Span(
                    any(span.is_empty for span in spans),
                    frozenset().union(*(span.first for span in spans)),
                    frozenset().union(*(span.last for span in spans)),
                )
            case Repeat(part, least, most):
                return self.repeated(part, least, most)
        raise AssertionError(node)

    def place(self, one: Chars) -> _Span:
        self.spend(1)
        self.sets.append(one)
        self.follow.append(set())
        here = frozenset((len(self.sets) - 1,))
        return _Span(False, here, here)

    def chain(self, spans: list[_Span]) -> _Span:
        is_empty, first, last = True, frozenset(), frozenset()
        for span in spans:
            self.spend(len(last) * len(span.first) + len(first) + len(last))
            for place in last:
                self.follow[place] |= span.first
            first = first | span.first if is_empty else first
            last = last | span.last if span.is_empty else span.last
            is_empty = is_empty and span.is_empty
        return _Span(is_empty, first, last)

    def repeated(self, part, least: int, most: int | None) -> _Span:
        spans = [self.add(part) for _ in range(least)]
        if most is None:
            loop = self.add(part)
            self.spend(len(loop.last) * len(loop.first))
            for place in loop.last:
                self.follow[place] |= loop.first
            return self.chain([*spans, _Span(True, loop.first, loop.last)])
        rest = _Span(True, frozenset(), frozenset())
        for _ in range(most - least):  # from the last on: (x (x (x)?)?)?
            rest = self.chain([self.add(part), rest])
            rest = _Span(True, rest.first, rest.last)
        return self.chain([*spans, rest])

    def are_apart(self, places) -> bool:
        """Whether no two of them take the same character."""
        ranges = sorted(pair for place in places for pair in self.sets[place].ranges)
        self.spend(len(ranges))
        return all(one[1] < other[0] for one, other in pairwise(ranges))

    def states(self, whole: _Span) -> list[list[tuple[Chars, tuple]]]:
        """For the beginning and each place, the sets that may follow and what they lead to."""
        found = []
        for places in (whole.first, *self.follow):
            if any(len(utf8.paths(self.sets[place])) > 0 for place in places):
                targets = [(self.sets[n], (frozenset(self.follow[n]), n in whole.last)) for n in places]
                self.spend(sum(len(utf8.paths(one)) + len(target[0]) for one, target in targets))
                found.append(targets)
        return found

    def split(self, places) -> dict[frozenset, list]:
        """Sets of places that the same characters lead to, with the ranges of these."""
        edges: dict[int, tuple[set, set]] = {}
        for place in places:
            for low, high in self.sets[place].ranges:
                edges.setdefault(low, (set(), set()))[0].add(place)
                edges.setdefault(high + 1, (set(), set()))[1].add(place)
        self.spend(sum(len(self.sets[place].ranges) for place in places))
        found, inside, before = {}, frozenset(), 0
        for at in sorted(edges):
            if inside:
                found.setdefault(inside, []).append((before, at - 1))
            begun, ended = edges[at]
            inside, before = (inside - ended) | begun, at
        return found


class _Machine:
    """The deterministic machine of a tree, written as rules: each of its states that others lead to, or that leaves a choice."""

    def __init__(self, places: _Places, whole: _Span, settler: _Settler):
        self.settler, self.ways, self.is_end = settler, [], []
        numbers, waiting = {None: 0}, [None]
        for state in waiting:
            targets = whole.first if state is None else frozenset().union(*(places.follow[place] for place in state))
            settler.spend(sum(len(places.follow[place]) for place in state or ()))
            ways = []
            for target, ranges in places.split(targets).items():
                if target not in numbers:
                    numbers[target] = len(numbers)
                    waiting.append(target)
                ways.append((chars(*ranges), numbers[target]))
            self.ways.append(ways)
            self.is_end.append(whole.is_empty if state is None else bool(state & whole.last))
        if len(self.ways) <= _MAX_MERGED:
            self.merge()

    def merge(self) -> None:
        """States that cannot be told apart become one."""
        kinds = [int(end) for end in self.is_end]
        while True:
            keys = [
                (kinds[n], frozenset((one, kinds[to]) for one, to in self.joined(ways, kinds)))
                for n, ways in enumerate(self.ways)
            ]
            numbers: dict = {}
            renewed = [numbers.setdefault(key, len(numbers)) for key in keys]
            if len(numbers) == len(set(kinds)):
                break
            kinds = renewed
        heads = {kind: n for n, kind in reversed(list(enumerate(kinds)))}
        self.target = [heads[kind] for kind in kinds]
        self.ways = [[(one, self.target[to]) for one, to in self.joined(ways, kinds)] for ways in self.ways]

    def joined(self, ways: list, kinds: list) -> list:
        """Ways to states of one kind as one way."""
        found: dict = {}
        for one, to in ways:
            found.setdefault(kinds[to], [to, []])[1].extend(one.ranges)
        return [(chars(*ranges), to) for to, ranges in found.values()]

    def written(self):
        reached, waiting, num_in = set(), [0], {}
        while waiting:
            state = waiting.pop()
            if state in reached:
                continue
            reached.add(state)
            for _, to in self.ways[state]:
                num_in[to] = num_in.get(to, 0) + 1
                waiting.append(to)
        plain = {n for n in reached if n and num_in[n] == 1 and len(self.ways[n]) == 1 and not self.is_end[n]}
        self.names = {}
        for state in reached - plain:
            if self.ways[state]:
                self.settler.count += 1
                self.names[state] = f"w{self.settler.count}"
        for state, name in self.names.items():
            self.settler.done[name] = self.body(state, plain)
        return Ref(self.names[0]) if 0 in self.names else EMPTY if self.is_end[0] else NEVER

    def body(self, state: int, plain: set):
        states = [self.ways[state]]
        for _, to in self.ways[state]:
            while to in plain:
                states.append(self.ways[to])
                to = self.ways[to][0][1]
        told = [[(one, to if self.ways[to] else None) for one, to in ways] for ways in states]
        apart = set().union(*map(utf8.forked, told)) if utf8.is_mixed_up(told) else set()
        ways = []
        for one, to in self.ways[state]:
            parts = [one]
            while to in plain:
                parts.append(self.ways[to][0][0])
                to = self.ways[to][0][1]
            written = _texts([self.settler.alone(part) if part in apart else part for part in parts])
            ways.append(seq(*written, *([Ref(self.names[to])] if to in self.names else [])))
        return alt(*([EMPTY] if self.is_end[state] else []), *ways)


def _texts(parts: list) -> list:
    """Single characters as texts."""
    found: list = []
    for part in parts:
        single = isinstance(part, Chars) and len(part.ranges) == 1 and part.ranges[0][0] == part.ranges[0][1]
        char = chr(part.ranges[0][0]) if single else None
        if char and found and isinstance(found[-1], Text):
            found[-1] = Text(found[-1].text + char)
        else:
            found.append(Text(char) if char else part)
    return found
