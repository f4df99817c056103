"""The process in which a checkpoint's chat template is rendered. Started by `template.py`; the limits are those of `limited.py`.

In: a pickle of (template, context, open mark, close mark), which comes from ourselves. Out: a letter, T for text or E for an
error, and UTF-8 in which lone surrogates may stand.
"""

import pickle

from zhinao import limited
from zhinao.prompt.jinja import rendered


def answer(request: bytes) -> bytes:
    ((kind, text),) = rendered(*pickle.loads(request)).items()
    return (kind[0].upper() + text).encode("utf-8", "surrogatepass")


if __name__ == "__main__":
    rendered("{{ x }}", {}, "", "")  # what Jinja imports late, it has now
    limited.serve(answer)
