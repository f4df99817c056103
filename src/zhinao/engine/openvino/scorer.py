"""Log-likelihoods of many requests on the kept graph itself, before it becomes paged attention. In this process.

The graph that `model/openvino/graph.py` writes is read and three things in it are changed: its causal mask becomes an input (the
mask of a tree, see `engine/prefix_tree.py`), its head sees the rows that are asked and no others, and of their logits leave
the graph what a log-likelihood needs. Computing holds no lock of Python; nothing here can be made to fail by a request, so
unlike GenAI's pipeline it needs no process of its own. Weights are a second time in memory where the engine answers, too.
"""

from pathlib import Path

import numpy as np

from zhinao.engine.openvino.build import XML
from zhinao.engine.openvino.quiet import without_tools
from zhinao.engine.prefix_tree import Heads, Step

NUM_TOKENS = 256  # of one step: products are no quicker with more, and attention wastes less
_LOGITS_BYTES = 2**27  # of one step's rows, before what is made of them


class Scorer:
    """The compiled graph. `runner` gives a function for one walk through a tree; walks may go on side by side."""

    def __init__(self, folder: Path, properties: dict, vocab_size: int):
        """`folder`: of `build.compiled`. `properties`: of the pipelines."""
        without_tools()
        import openvino as ov

        core = ov.Core()
        body, head = _parted(core.read_model(folder / XML))
        self._model = core.compile_model(body, "CPU", properties)
        # 16-bit logits are multiples of an eighth or a quarter: likelihoods would be tied by rounding
        self._head = core.compile_model(head, "CPU", {**properties, "INFERENCE_PRECISION_HINT": "f32"})
        self.num_rows = max(1, min(NUM_TOKENS, _LOGITS_BYTES // (4 * vocab_size)))

    def runner(self) -> "Runner":
        return Runner(self._model.create_infer_request(), self._head.create_infer_request())


class Runner:
    """One walk: the keys and values of the step before stay in it."""

    def __init__(self, request, head):
        self._request, self._head = request, head
        self._num_cached = 0

    def __call__(self, step: Step) -> Heads:
        self._forget_but(step.keep)
        is_asked = bool(len(step.rows))
        inputs = {
            "input_ids": step.ids[None].astype(np.int64),
            "position_ids": step.positions[None].astype(np.int64),
            "mask": np.where(step.mask, np.float32(0), np.float32(-np.inf))[None, None],
            "beam_idx": np.zeros(1, np.int32),
            # a graph with no rows at all is more than kernels are made for
            "rows": (step.rows if is_asked else np.zeros(1)).astype(np.int64),
        }
        hidden = self._request.infer(inputs, share_inputs=True, share_outputs=False)["hidden"]
        self._num_cached = step.mask.shape[1]
        if not is_asked:
            nothing = np.zeros(0, np.float32)
            return Heads(nothing, nothing, nothing)
        asked = {"hidden": hidden, "pairs": step.pairs.astype(np.int64)}
        found = self._head.infer(asked, share_inputs=True, share_outputs=False)
        return Heads(*(found[name] for name in ("chosen", "largest", "logsumexp")))

    def _forget_but(self, keep: np.ndarray) -> None:
        """What stays is put back bit for bit."""
        if len(keep) == self._num_cached and len(keep):
            return
        if not len(keep):
            self._request.reset_state()
            return
        import openvino as ov

        where = slice(0, len(keep)) if keep[-1] == len(keep) - 1 else keep
        for state in self._request.query_state():
            state.state = ov.Tensor(np.ascontiguousarray(state.state.data[:, :, where]))


def _parted(model):
    """The body, with inputs `input_ids`, `position_ids` (1, new), `mask` (1, 1, new, all), `rows` (k,) and the output `hidden` (k, size);
    the head, with `hidden` and `pairs` (n, 2), and outputs `chosen` (n,), `largest` and `logsumexp` (k,)."""
    import openvino as ov
    from openvino import Type
    from openvino import opset15 as op

    def parameter(name: str, kind: Type, *shape: int):
        made = op.parameter(ov.PartialShape(list(shape)), kind, name=name)
        made.output(0).set_names({name})
        return made

    def result(name: str, node):
        node.output(0).set_names({name})
        return op.result(node)

    mask = parameter("mask", Type.f32, 1, 1, -1, -1)  # added; one of booleans makes attention four times as slow
    rows, pairs = parameter("rows", Type.i64, -1), parameter("pairs", Type.i64, -1, 2)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "ScaledDotProductAttention":
            node.input(3).replace_source_output(mask.output(0))
    product = model.get_results()[0].input(0).get_source_output().get_node()
    whole, zero, one = product.input_value(0), op.constant(np.int64(0)), op.constant(np.int64(1))
    chosen_rows = op.squeeze(op.gather(whole, rows, one), zero)
    inputs = [p for p in model.get_parameters() if "attention_mask" not in p.output(0).get_names()]
    body = ov.Model([result("hidden", chosen_rows)], model.get_sinks(), [*inputs, mask, rows], "zhinao-score")

    hidden = parameter("hidden", Type.f32, -1, whole.get_partial_shape()[2].get_length())
    product.input(0).replace_source_output(hidden.output(0))
    last = op.constant(np.array([-1], np.int64))
    largest = op.reduce_max(product, last, keep_dims=True)
    total = op.reduce_sum(op.exp(op.subtract(product, largest)), last)
    flat = op.squeeze(largest, last)
    results = {
        "chosen": op.gather_nd(product, pairs),
        "largest": flat,
        "logsumexp": op.add(op.log(total), flat),
    }
    outputs = [result(name, node) for name, node in results.items()]
    return body, ov.Model(outputs, [hidden, pairs], "zhinao-score-head")
