"""Named rules under construction, and what becomes of them before they are written: what never ends goes, what would be mixed up is mended."""

from dataclasses import dataclass, field

from zhinao.engine.grammar.settle import settled
from zhinao.engine.grammar.tree import EMPTY, NEVER, Alt, Chars, Ref, Repeat, Seq, alt, seq
from zhinao.engine.grammar.write import write
from zhinao.errors import UsageError
from zhinao.lang import tr

_BLOCK = 8  # repetitions that are unrolled; more of them take longer to compile, fewer make each token slower
_MAX_UNROLLED = 32
MAX_REPEAT = 100_000


@dataclass
class Rules:
    """Rules by name; `root` is the first when written."""

    named: dict = field(default_factory=dict)

    def add(self, name: str, node) -> Ref:
        self.named.setdefault(name, node)
        return Ref(name)

    def reference(self, name: str) -> Ref:
        """To a rule that may yet have to come."""
        return Ref(name)

    def fresh(self, node) -> Ref:
        return self.add(f"r{len(self.named)}", node)

    def repeat(self, part, least: int, most: int | None):
        """So often, by rules whose number grows with the logarithm. Raises UsageError beyond MAX_REPEAT."""
        if most is not None and most < least:
            return NEVER
        if (most or least) > MAX_REPEAT:
            raise UsageError(
                tr(
                    f"a repetition of {most or least} is beyond {MAX_REPEAT}.",
                    f"重复次数 {most or least} 超过 {MAX_REPEAT}。",
                )
            )
        if part == NEVER:
            return EMPTY if least == 0 else NEVER
        if (most or least) <= _MAX_UNROLLED:
            return Repeat(part, least, most)
        unit = part if isinstance(part, Chars) else self.fresh(part)
        fixed = self._exactly(unit, least)
        return seq(fixed, Repeat(unit, 0, None) if most is None else self._up_to(unit, most - least))

    def _exactly(self, unit, count: int):
        blocks, rest = divmod(count, _BLOCK)
        parts = [self._block(unit, bit) for bit in range(blocks.bit_length()) if blocks >> bit & 1]
        return seq(*parts, Repeat(unit, rest, rest) if rest else EMPTY)

    def _block(self, unit, power: int) -> Ref:
        """Exactly `_BLOCK << power` times."""
        node = Repeat(unit, _BLOCK, _BLOCK) if power == 0 else seq(*[self._block(unit, power - 1)] * 2)
        return self.add(self._name("e", unit, power), node)

    def _below(self, unit, power: int) -> Ref:
        """Fewer than `_BLOCK << power` times: in one way only, so that few of them are followed at a time."""
        if power < 2:
            return self.add(self._name("u", unit, power), Repeat(unit, 0, (_BLOCK << power) - 1))
        less = self._below(unit, power - 1)
        return self.add(self._name("u", unit, power), alt(less, seq(self._block(unit, power - 1), less)))

    def _up_to(self, unit, count: int):
        if count < 2 * _BLOCK:
            return Repeat(unit, 0, count) if count else EMPTY
        power = (count // _BLOCK).bit_length() - 1
        more = self._up_to(unit, count - (_BLOCK << power))
        return alt(self._below(unit, power), seq(self._block(unit, power), more))

    def _name(self, kind: str, unit, power: int) -> str:
        names = self.__dict__.setdefault("_units", {})
        return f"{kind}{names.setdefault(unit, len(names))}x{power}"

    def written(self, root) -> str:
        """The grammar's text. Raises UsageError where it allows no text that ends."""
        named = {"root": root, **self.named}
        good = _productive(named)
        if "root" not in good:
            raise UsageError(tr("it allows no text at all, or none that ends.", "它不允许任何文本，或永远无法结束。"))
        used = _used({name: _pruned(node, good) for name, node in named.items() if name in good})
        used = _used(settled(used))
        return "\n".join(f"{name} ::= {write(node)}" for name, node in used.items())


def _productive(named: dict) -> set[str]:
    """The rules that allow some text."""
    good: set[str] = set()
    waiting = list(named)
    while waiting:
        num_before = len(good)
        for name in waiting:  # mostly in the order in which they need each other
            if _ends(named[name], good):
                good.add(name)
        waiting = [name for name in waiting if name not in good]
        if len(good) == num_before:
            break
    return good


def _ends(node, good: set[str]) -> bool:
    match node:
        case Ref(name):
            return name in good
        case Seq(parts):
            return all(_ends(part, good) for part in parts)
        case Alt(parts):
            return any(_ends(part, good) for part in parts)
        case Repeat(part, least, _):
            return least == 0 or _ends(part, good)
        case Chars(ranges):
            return bool(ranges)
    return True


def _pruned(node, good: set[str]):
    """Without what never ends."""
    match node:
        case Seq(parts):
            return seq(*(_pruned(part, good) for part in parts))
        case Alt(parts):
            return alt(*(_pruned(part, good) for part in parts if _ends(part, good)))
        case Repeat(part, least, most):
            return Repeat(_pruned(part, good), least, most) if _ends(part, good) else EMPTY
    return node


def _used(named: dict) -> dict:
    """The rules that the root needs, it first."""
    used, waiting = {}, ["root"]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = named[name]
            waiting += sorted(_references(named[name]))
    return used


def _references(node) -> set[str]:
    match node:
        case Ref(name):
            return {name}
        case Seq(parts) | Alt(parts):
            return set().union(*map(_references, parts))
        case Repeat(part, _, _):
            return _references(part)
    return set()
