"""Finds a text that has begun to repeat itself word for word. Knows nothing of thoughts."""

WINDOW = 2048  # ids looked at; a loop longer than a quarter of it is not seen
MIN_REPEATS = 4
MIN_TOKENS = 192  # a short refrain, a ruler of dashes or a row of zeros is no loop yet


def repeats_itself(ids: list[int]) -> bool:
    """Whether `ids` end in at least MIN_REPEATS copies of one sequence that fill at least MIN_TOKENS.

    Knuth, Morris and Pratt's border table of the reversed tail: a stretch of n ids with border b has the period n - b.
    """
    tail = ids[-WINDOW:][::-1]
    borders = [0] * len(tail)
    for n in range(1, len(tail)):
        border = borders[n - 1]
        while border and tail[n] != tail[border]:
            border = borders[border - 1]
        border += tail[n] == tail[border]
        borders[n] = border
        length = n + 1
        if length >= MIN_TOKENS and length >= MIN_REPEATS * (length - border):
            return True
    return False
