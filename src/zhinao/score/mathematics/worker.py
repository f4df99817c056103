"""The process that math-verify runs in: `[gold, answer]` as JSON in, "1", "0" or why it cannot be told out.

What a model writes may take sympy for ever, or all memory; `zhinao.limited` ends this process then. Nothing here turns a
value of sympy into text, which is where such a value hangs.
"""

import json


def _answer(request: bytes) -> bytes:
    try:
        gold, answer = json.loads(request)
        return _verdict(gold, answer).encode()
    except (Exception, RecursionError) as error:  # of any library below
        return f"?{type(error).__name__}".encode()


def _verdict(gold: str, answer: str) -> str:
    left, right = _parsed(gold), _parsed(answer)
    if not left or not right:
        return "?not readable as mathematics"
    return "01"[bool(_verify(left, right, timeout_seconds=None, raise_on_error=True))]


def _parsed(text: str) -> list:
    return _parse(
        f"\\boxed{{{text}}}",
        [_Latex(boxed_match_priority=0, try_extract_without_anchor=False)],
        fallback_mode="no_fallback",
        extraction_mode="first_match",
        parsing_timeout=None,
        raise_on_error=True,
    )


if __name__ == "__main__":
    import logging

    from math_verify import LatexExtractionConfig as _Latex
    from math_verify import parse as _parse
    from math_verify import verify as _verify

    from zhinao.limited import serve

    logging.disable(logging.CRITICAL)
    _answer(b'["\\\\sqrt{2}", "x"]')  # sympy's slow first time
    serve(_answer)
