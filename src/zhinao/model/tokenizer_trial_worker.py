"""The process in which a stranger's tokenizer.json is loaded and used first. Started by `tokenizer_trial.py`.

In: the content of the file. Out: the library's sentence against it, or nothing. What ends the process is an answer, too.
"""

from tokenizers import Tokenizer

from zhinao import limited

_LENGTH = 3000
# Long runs are what expressions with several repetitions need all time for.
TEXTS = (
    *(unit * (_LENGTH // len(unit)) + end for unit in ("a", "1", " ", "\n", "aA", "a ", "'s", "-", "中", "é", "\t ") for end in ("", "!", "a")),
    "".join(map(chr, range(32, 127))) * 8,
    "Hello, world! 你好，世界。 It's 3.14 <b>&amp;</b>\r\n\tdef f(x): return x\n\n" * 20,
)  # fmt: skip


def answer(content: bytes) -> bytes:
    try:
        tokenizer = Tokenizer.from_str(content.decode("utf-8"))
        for text in TEXTS:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            tokenizer.decode(ids[:1000])
        tokenizer.to_str()
    except MemoryError:
        raise
    except BaseException as error:  # a panic of the library is no Exception
        return (str(error) or type(error).__name__).encode("utf-8", "replace")
    return b""


if __name__ == "__main__":
    limited.serve(answer)
