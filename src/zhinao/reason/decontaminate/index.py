"""Whether a prompt is a benchmark's question. Memory grows with the benchmarks alone; a prompt costs what its length is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zhinao.reason.decontaminate import normal
from zhinao.reason.decontaminate.benchmarks import Question

NUM_WORDS, NUM_CHARACTERS = 4, 6  # of an n-gram
SHARE = 0.5  # of a question's n-grams that makes a prompt that question
LEAST_GRAMS = 5  # of a question that can be told by them
COMMON = 8  # questions of one benchmark that share an n-gram: it is the benchmark's manner, not a question's
EXACT, MASKED, GRAMS = "exact", "masked", "n-grams"


@dataclass(frozen=True, slots=True)
class Hit:
    """`how`: EXACT (all that tells short questions apart is equal), MASKED (equal but for numbers), GRAMS. `share` of the question."""

    question: Question
    how: str
    share: float


class Index:
    """`share`: of a question's n-grams, above 0."""

    def __init__(self, questions: Iterable[Question], share: float = SHARE):
        self.questions = list(questions)
        self._share = share
        self._strict: dict[str, int] = {}
        self._masked: dict[int, int] = {}
        postings: dict[int, list[int]] = defaultdict(list)
        for place, question in enumerate(self.questions):
            self._add(place, question, postings)
        self._postings, self._sizes = _thinned(postings, self.questions)

    def _add(self, place: int, question: Question, postings: dict[int, list[int]]) -> None:
        for text in (question.text, *question.variants):
            if strict := normal.strict(text):
                self._strict.setdefault(strict, place)
            found = normal.tokens(text)
            if normal.weight(found) >= normal.LEAST_WEIGHT:
                self._masked.setdefault(hash(tuple(found)), place)
        for gram in set(grams(normal.tokens(question.text))):
            postings[gram].append(place)

    def find(self, text: str) -> Hit | None:
        """The question that the prompt is, or holds most of; None where it is none."""
        if (place := self._strict.get(normal.strict(text))) is not None:
            return Hit(self.questions[place], EXACT, 1.0)
        found = normal.tokens(text)
        if (place := self._masked.get(hash(tuple(found)))) is not None and normal.weight(found) >= normal.LEAST_WEIGHT:
            return Hit(self.questions[place], MASKED, 1.0)
        return self._most_like(found)

    def _most_like(self, found: list[str]) -> Hit | None:
        shared = self._postings.keys() & set(grams(found))
        if len(shared) < LEAST_GRAMS * self._share:
            return None
        counts = Counter(place for gram in shared for place in self._postings[gram])
        shares = ((num / self._sizes[place], place) for place, num in counts.items())
        share, place = max(((s, p) for s, p in shares if self._sizes[p] >= LEAST_GRAMS), default=(0.0, 0))
        return Hit(self.questions[place], GRAMS, share) if share >= self._share else None


def grams(found: list[str]) -> Iterator[int]:
    """Hashes of word n-grams over all words, and of character n-grams over all Chinese characters; numbers stand in both."""
    chinese = [one for one in found if "\u3400" <= one <= "\u9fff" or one == normal.NUMBER]
    words = [one for one in found if not "\u3400" <= one <= "\u9fff"]
    yield from map(hash, _windows(chinese, NUM_CHARACTERS))
    yield from map(hash, _windows(words, NUM_WORDS))


def _windows(found: list[str], num: int) -> Iterator[tuple[str, ...]]:
    return zip(*(found[start:] for start in range(num)), strict=False)


def _thinned(postings: dict[int, list[int]], questions: list[Question]) -> tuple[dict[int, tuple[int, ...]], Counter]:
    """Without what many questions of one benchmark share; and how many n-grams each question keeps."""
    kept, sizes = {}, Counter()
    for gram, places in postings.items():
        if len(places) > COMMON:
            per = Counter(questions[place].benchmark for place in places)
            places = [place for place in places if per[questions[place].benchmark] <= COMMON]
        if places:
            kept[gram] = tuple(places)
            sizes.update(places)
    return kept, sizes
