"""One system under `decode.py`: loads a model, then answers each line `{"ids", "num_new"}` with its times and ids.

    python benchmarks/decode_child.py zhinao|transformers|llama MODEL PRECISION NUM_THREADS

Greedy and never stopping. Runs under an interpreter that needs to have only the system it is asked for.
"""

import json
import sys
import time


def zhinao(model: str, precision: str, num_threads: int):
    from pathlib import Path

    from zhinao import engine
    from zhinao.engine.base import Sampling

    opened = engine.open(Path(model), engine="openvino", quant=precision, num_threads=num_threads)
    opened.wait_until_ready()

    def answer(ids, num_new):
        for chunk in opened.generate(ids, Sampling(temperature=0, max_tokens=num_new)):
            yield from chunk.ids

    return answer


def transformers(model: str, precision: str, num_threads: int):
    import queue
    import threading

    import torch
    from transformers import AutoModelForCausalLM

    import zhinao  # noqa: F401 (transformers then knows the model)

    torch.set_num_threads(num_threads)
    loaded = AutoModelForCausalLM.from_pretrained(
        model, dtype={"bf16": torch.bfloat16, "f32": torch.float32}[precision]
    )

    class Streamer:
        def __init__(self):
            self.ids, self.is_prompt = queue.SimpleQueue(), True

        def put(self, value):
            if not self.is_prompt:
                self.ids.put(value.item())
            self.is_prompt = False

        def end(self):
            self.ids.put(None)

    def answer(ids, num_new):
        streamer = Streamer()
        settings = {"max_new_tokens": num_new, "min_new_tokens": num_new, "do_sample": False, "streamer": streamer}
        thread = threading.Thread(target=loaded.generate, args=(torch.tensor([ids]),), kwargs=settings)
        thread.start()
        yield from iter(streamer.ids.get, None)
        thread.join()

    return answer


def llama(model: str, precision: str, num_threads: int):
    from itertools import islice

    from llama_cpp import Llama

    loaded = Llama(model, n_ctx=1024, n_threads=num_threads, n_threads_batch=num_threads, verbose=False)

    def answer(ids, num_new):
        loaded.reset()
        yield from islice(loaded.generate(ids, temp=0.0, repeat_penalty=1.0), num_new)

    return answer


def main() -> None:
    kind, model, precision, num_threads = sys.argv[1:]
    answer = {"zhinao": zhinao, "transformers": transformers, "llama": llama}[kind](model, precision, int(num_threads))
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        started, times, ids = time.perf_counter(), [], []
        for token in answer(request["ids"], request["num_new"]):
            times.append(time.perf_counter() - started)
            ids.append(int(token))
        print(json.dumps({"times": times, "ids": ids}), flush=True)


if __name__ == "__main__":
    main()
