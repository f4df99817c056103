"""The decoder as an OpenVINO graph, built node by node from a checkpoint: no torch, no tracing, no export package.

The result is an ordinary stateful language model (`input_ids`, `attention_mask`, `position_ids`, `beam_idx` ->
`logits`), shaped so that OpenVINO GenAI turns its attention into paged attention and the CPU plugin finds its own
rotary, norm and matrix kernels. Loading time goes by the number of nodes, so there are as few as possible.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import Type
from openvino import opset15 as op

from zhinao.model.checkpoint import Checkpoint
from zhinao.model.openvino.rope import inverse_frequencies
from zhinao.model.openvino.weights import Weights, keep_narrow, widen


def write(
    checkpoint: Checkpoint,
    weight_format: str,
    xml: Path,
    on_layer: Callable[[int], None] = lambda n: None,
    is_qkv_joined: bool = True,
) -> None:
    """Write the graph as `xml` and a `.bin` beside it. `on_layer(n)` is called when layer n stands.

    `weight_format` is `int8`, `bf16` or `f32`. bf16 weights stay in the mapped files wherever they can; int8 ones are in
    memory until all is written.
    """
    decoder = _Decoder(checkpoint, weight_format, is_qkv_joined)
    ov.save_model(decoder.model(on_layer), xml, compress_to_fp16=False)
    if weight_format == "bf16":
        keep_narrow(xml)


class _Decoder:
    def __init__(self, checkpoint: Checkpoint, weight_format: str, is_qkv_joined: bool):
        self.arch = checkpoint.architecture
        self.weights = Weights(checkpoint, weight_format)
        self.is_qkv_joined = is_qkv_joined
        self.config_file = checkpoint.folder / "config.json"
        self._assigns: list = []
        self._shared: dict[tuple, ov.Node] = {}

    def model(self, on_layer: Callable[[int], None]) -> ov.Model:
        self._inputs()
        matrix = self.weights.matrix("model.embed_tokens.weight")
        x = widen(tuple(op.gather(part, self.input_ids, self._i64(0)) for part in matrix))
        for n in range(self.arch.num_layers):
            x = self._layer(n, x)
            on_layer(n)
        head = "model.embed_tokens.weight" if self.arch.is_tied else "lm_head.weight"
        logits = self._project(self._norm("model.norm", x), head)
        logits.output(0).set_names({"logits"})
        parameters = [self.input_ids, self.attention_mask, self.position_ids, self.beam_idx]
        return ov.Model([op.result(logits)], self._assigns, parameters, "zhinao")  # pyright: ignore[reportGeneralTypeIssues]

    def _inputs(self) -> None:
        self.input_ids = _parameter("input_ids", Type.i64, 2)
        self.attention_mask = _parameter("attention_mask", Type.i64, 2)
        self.position_ids = _parameter("position_ids", Type.i64, 2)
        self.beam_idx = _parameter("beam_idx", Type.i32, 1)
        shape = op.shape_of(self.input_ids, output_type="i64")
        batch_size, num_new = (op.gather(shape, self._i64([n]), self._i64(0)) for n in (0, 1))
        self.mask = self._causal_mask(num_new)
        self.cos, self.sin = self._rotary()
        empty = op.concat([batch_size, self._i64([self.arch.num_kv_heads, 0, self.arch.head_dim])], 0)
        self.empty_cache = op.broadcast(self._f32(0), empty)

    def _causal_mask(self, num_new):
        """Boolean `(batch, 1, new, all)`: true where a new token may look."""
        zero, one = self._i64(0), self._i64(1)
        num_all = op.gather(op.shape_of(self.attention_mask, output_type="i64"), one, zero)
        num_new = op.squeeze(num_new, zero)
        everywhere = op.range(zero, num_all, one, output_type="i64")
        new = op.add(op.range(zero, num_new, one, output_type="i64"), op.subtract(num_all, num_new))
        is_before = op.less_equal(op.unsqueeze(everywhere, zero), op.unsqueeze(new, one))
        is_real = op.unsqueeze(op.convert(self.attention_mask, Type.boolean), self._i64([1, 2]))
        return op.logical_and(is_real, op.unsqueeze(is_before, self._i64([0, 1])))

    def _rotary(self):
        """cos and sin `(batch, 1, new, head_dim)`."""
        frequencies, factor = inverse_frequencies(self.arch, self.config_file)
        positions = op.convert(op.unsqueeze(self.position_ids, self._i64(2)), Type.f32)
        angles = op.matmul(positions, op.constant(frequencies.reshape(1, 1, -1)), False, False)
        angles = op.unsqueeze(op.concat([angles, angles], -1), self._i64(1))
        waves = op.cos(angles), op.sin(angles)
        return waves if factor == 1 else tuple(op.multiply(wave, self._f32(factor)) for wave in waves)

    def _layer(self, n: int, x):
        name = f"model.layers.{n}"
        x = op.add(x, self._attention(n, f"{name}.self_attn", self._norm(f"{name}.input_layernorm", x)))
        return op.add(x, self._mlp(f"{name}.mlp", self._norm(f"{name}.post_attention_layernorm", x)))

    def _norm(self, name: str, x):
        mean = op.reduce_mean(op.power(x, self._f32(2)), self._i64([-1]), keep_dims=True)
        root = op.sqrt(op.add(mean, self._f32(self.arch.rms_norm_eps)))
        return op.multiply(op.divide(x, root), op.constant(self.weights.vector(f"{name}.weight")))

    def _project(self, x, *weights: str):
        return op.matmul(x, widen(self.weights.matrix(*weights)), False, True)

    def _linear(self, x, *names: str, has_bias: bool):
        """One product for the joined rows of all `names`."""
        y = self._project(x, *(f"{name}.weight" for name in names))
        if not has_bias:
            return y
        bias = self.weights.vector(*(f"{name}.bias" for name in names))
        return op.add(y, op.constant(bias)) if bias.any() else y  # converted Llama models carry zeros

    def _mlp(self, name: str, x):
        has_bias = self.arch.has_mlp_bias
        gate, up = (self._linear(x, f"{name}.{part}", has_bias=has_bias) for part in ("gate_proj", "up_proj"))
        return self._linear(op.multiply(op.swish(gate), up), f"{name}.down_proj", has_bias=has_bias)

    def _attention(self, n: int, name: str, x):
        q, k, v = self._qkv(name, x)
        k, v = self._remember(f"past_key_values.{n}.key", k), self._remember(f"past_key_values.{n}.value", v)
        y = op.scaled_dot_product_attention(q, self._repeat(k), self._repeat(v), self.mask, causal=False)
        y = op.transpose(y, self._i64([0, 2, 1, 3]))
        y = op.reshape(y, self._i64([0, 0, self.arch.num_heads * self.arch.head_dim]), True)
        return self._linear(y, f"{name}.o_proj", has_bias=self.arch.has_o_bias)

    def _qkv(self, name: str, x) -> list:
        """Rotated queries and keys, and values, `(batch, heads, new, head_dim)`."""
        arch, parts = self.arch, [f"{name}.{part}" for part in ("q_proj", "k_proj", "v_proj")]
        if not self.is_qkv_joined:
            q, k, v = (self._heads(self._linear(x, part, has_bias=arch.has_qkv_bias)) for part in parts)
            return [self._rotate(q), self._rotate(k), v]
        joined = self._heads(self._linear(x, *parts, has_bias=arch.has_qkv_bias))
        rotated, v = self._split(joined, arch.num_heads + arch.num_kv_heads, arch.num_kv_heads)
        return [*self._split(self._rotate(rotated), arch.num_heads, arch.num_kv_heads), v]

    def _split(self, x, *num_heads: int) -> list:
        return op.variadic_split(x, self._i64(1), self._i64(num_heads)).outputs()

    def _heads(self, x):
        """`(batch, new, heads * head_dim)` -> `(batch, heads, new, head_dim)`."""
        return op.transpose(op.reshape(x, self._i64([0, 0, -1, self.arch.head_dim]), True), self._i64([0, 2, 1, 3]))

    def _rotate(self, x):
        """NeoX style: the halves of a head turn against each other."""
        half, last = self._i64([self.arch.head_dim // 2]), self._i64([3])
        first = op.slice(x, self._i64([0]), half, self._i64([1]), last)
        second = op.slice(x, half, self._i64([2**62]), self._i64([1]), last)
        turned = op.concat([op.multiply(second, self._f32(-1)), first], -1)
        return op.add(op.multiply(x, self.cos), op.multiply(turned, self.sin))

    def _remember(self, name: str, x):
        """Join what the cache holds with the new keys or values, and store the whole."""
        shape = ov.PartialShape([-1, self.arch.num_kv_heads, -1, self.arch.head_dim])
        past = op.gather(op.read_value(self.empty_cache, name, Type.f32, shape), self.beam_idx, self._i64(0))
        whole = op.concat([past, x], 2)
        self._assigns.append(op.assign(whole, name))
        return whole

    def _repeat(self, x):
        """Each key/value head as often as it has query heads."""
        if (times := self.arch.num_queries_per_kv) == 1:
            return x
        wide = op.broadcast(
            op.unsqueeze(x, self._i64(2)), self._i64([1, 1, times, 1, 1]), broadcast_spec="BIDIRECTIONAL"
        )
        return op.reshape(wide, self._i64([0, self.arch.num_heads, -1, self.arch.head_dim]), True)

    def _i64(self, value):
        return self._constant(np.asarray(value, np.int64))

    def _f32(self, value: float):
        return self._constant(np.asarray(value, np.float32))

    def _constant(self, array: np.ndarray):
        """Small constants stand in the graph once."""
        key = (array.dtype, array.shape, array.tobytes())
        if key not in self._shared:
            self._shared[key] = op.constant(array)
        return self._shared[key]


def _parameter(name: str, kind: Type, num_dimensions: int):
    parameter = op.parameter(ov.PartialShape([-1] * num_dimensions), kind, name=name)
    parameter.output(0).set_names({name})
    return parameter
