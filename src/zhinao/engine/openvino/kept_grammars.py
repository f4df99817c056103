"""How much the engine's process has kept of grammars: the library never forgets one that it has compiled. Pure."""

from zhinao.errors import EngineError
from zhinao.lang import tr

ENOUGH_BYTES, MOST_BYTES = 5 * 10**8, 2 * 10**9
_EACH, _OF_TEXT = 500_000, 150  # bytes for a grammar, and for each byte of its text; measured


class KeptGrammars:
    """Those that one process was sent. From ENOUGH_BYTES on (about 700 ordinary schemas) it is to be renewed when it has nothing to do."""

    def __init__(self):
        self._known: set[int] = set()
        self.num_bytes = 0

    @property
    def is_enough(self) -> bool:
        return self.num_bytes > ENOUGH_BYTES

    def add(self, text: str) -> None:
        """Raises EngineError for a new one where there are too many."""
        if hash(text) in self._known:
            return
        if self.num_bytes > MOST_BYTES:
            raise EngineError(
                tr(
                    "The engine has been sent too many different forms of answers; until it can be renewed it takes no new ones.",
                    "引擎收到的不同约束格式过多，在能够更新之前不再接受新的格式。",
                )
            )
        self._known.add(hash(text))
        self.num_bytes += _EACH + _OF_TEXT * len(text)
