"""The transformers classes of Zhinao: Qwen2's, with the fused layout on disk, strict loading and safe packing.

What a layer computes is inherited (attention through transformers' interface, cache, checkpointing, tensor-parallel
plan). How fused rows lie is known to `qkv.py` alone; here they are only routed through it on loading and saving.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from transformers.core_model_loading import ConversionOps, WeightConverter
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2ForCausalLM,
    Qwen2ForSequenceClassification,
    Qwen2Model,
)

from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model import packing, qkv
from zhinao.model.checkpoint import INDEX, SINGLE, Checkpoint
from zhinao.model.configuration import ZhinaoConfig


def _groups(config) -> tuple[int, int]:
    return config.num_attention_heads // config.num_key_value_heads, config.head_dim


def _one(value):
    return value[0] if isinstance(value, list) else value


class SplitRows(ConversionOps):
    """Fused rows -> q, k, v. Sees a whole tensor or one tensor-parallel rank's rows of it."""

    @torch.no_grad()
    def convert(self, input_dict, source_patterns, target_patterns, config=None, **kwargs):
        fused = _one(next(iter(input_dict.values())))
        parts = qkv.split(fused, *_groups(config))
        return {name: part.contiguous() for name, part in zip(target_patterns, parts, strict=True)}

    @property
    def reverse_op(self):
        return FuseRows()


class FuseRows(ConversionOps):
    """q, k, v -> fused rows."""

    @torch.no_grad()
    def convert(self, input_dict, source_patterns, target_patterns, config=None, **kwargs):
        q, k, v = (_one(input_dict[name]) for name in source_patterns)
        return {target_patterns[0]: qkv.fuse(q, k, v, *_groups(config))}

    @property
    def reverse_op(self):
        return SplitRows()


def conversions() -> list:
    """The mapping between the names on disk and those in memory, for weights and biases."""
    return [
        WeightConverter(f"{qkv.FUSED}.{kind}", [f"{name}.{kind}" for name in qkv.SPLIT], operations=[SplitRows()])
        for kind in ("weight", "bias")
    ]


class _Zhinao:
    """What all classes share: the configuration, and loading that accepts no tensor too few, too many or misshapen."""

    config_class = ZhinaoConfig
    config: ZhinaoConfig

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        """As in transformers. Raises CheckpointError naming the file and the tensor that does not fit the config."""
        source = pretrained_model_name_or_path
        if _is_plain_folder(source, kwargs):
            Checkpoint(Path(source, kwargs.get("subfolder") or ""))
        wants_info = kwargs.pop("output_loading_info", False)
        load = super().from_pretrained  # pyright: ignore[reportAttributeAccessIssue]  # of the other base
        model, info = load(source, *args, output_loading_info=True, **kwargs)
        if not getattr(model, "_hf_peft_config_loaded", False):
            model._check_names(source, info)
        _save_fused(model)
        return (model, info) if wants_info else model

    def _check_names(self, source, info: dict) -> None:
        """Without a folder to look into first (a hub id, a state dict) the names are checked after loading."""
        for kind, names in (
            (tr("missing", "缺少的"), info["missing_keys"]),
            (tr("unknown", "未知的"), info["unexpected_keys"]),
        ):
            if names := sorted(set(names) - {"score.weight"}):  # a classification head may be new
                raise CheckpointError(
                    tr(
                        f"{source}: {kind} tensor {names[0]} ({len(names)} in all).",
                        f"{source}：{kind}张量 {names[0]}（共 {len(names)} 个）。",
                    )
                )


def _is_plain_folder(source, kwargs: dict) -> bool:
    """Whether `source` is a folder of unquantised causal-LM weights, which can be checked before loading."""
    if source is None or any(kwargs.get(key) for key in ("gguf_file", "variant", "state_dict", "key_mapping")):
        return False
    folder = Path(source, kwargs.get("subfolder") or "")
    if not (folder / "config.json").is_file() or (folder / "adapter_config.json").exists():
        return False
    config = ZhinaoConfig.get_config_dict(folder)[0]
    if "quantization_config" in config or config.get("architectures") not in (None, ["ZhinaoForCausalLM"]):
        return False
    return (folder / SINGLE).exists() or (folder / INDEX).exists() or not any(folder.glob("*.distcp"))


def _save_fused(model) -> None:
    """Let `save_pretrained` fuse also what was loaded from a folder in the split layout.

    transformers undoes only the conversions that it met on loading.
    """
    used = getattr(model, "_weight_conversions", None)
    if used is not None and not any(isinstance(entry, WeightConverter) for entry in used):
        model._weight_conversions = [*used, *conversions()]


class ZhinaoModel(_Zhinao, Qwen2Model):
    """The decoder without a head. Packed documents do not see each other (see `packing.py`)."""

    _keys_to_ignore_on_load_unexpected = [r"^lm_head\.", r"^score\."]  # noqa: RUF012

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        use_cache=None,
        **kwargs,  # pyright: ignore[reportGeneralTypeIssues]
    ):
        if past_key_values is None and packing.is_packed(position_ids, attention_mask):
            packing.check(self.config._attn_implementation, position_ids)  # pyright: ignore[reportArgumentType]
            position_ids = packing.separate_padding(position_ids, attention_mask)
            attention_mask, use_cache = None, False
        return super().forward(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,  # pyright: ignore[reportCallIssue]
        )


class ZhinaoForCausalLM(_Zhinao, Qwen2ForCausalLM):
    """The language model."""

    def __init__(self, config: ZhinaoConfig):
        super(Qwen2ForCausalLM, self).__init__(config)  # Qwen2's own would build a decoder that is thrown away
        self.model = ZhinaoModel(config)  # pyright: ignore[reportArgumentType]
        self.vocab_size = config.vocab_size
        self.lm_head = torch.nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def generate(self, inputs=None, *args, **kwargs):
        """As in transformers; `inputs` and `input_ids` may also be what a tokenizer returns, a mapping with `input_ids`
        `(B, T)` and its mask. What is named beside it wins.

        Since transformers 5 `apply_chat_template` returns such a mapping, which code of before gives as `input_ids`.
        """
        if inputs is None and isinstance(kwargs.get("input_ids"), Mapping):
            inputs = kwargs.pop("input_ids")
        if isinstance(inputs, Mapping):
            inputs, kwargs = None, {**inputs, **kwargs}
        return super().generate(inputs, *args, **kwargs)  # pyright: ignore[reportAttributeAccessIssue]


class ZhinaoForSequenceClassification(_Zhinao, Qwen2ForSequenceClassification):
    """The decoder with a classification head, as reward models use it."""

    _keys_to_ignore_on_load_unexpected = [r"^lm_head\."]  # noqa: RUF012
