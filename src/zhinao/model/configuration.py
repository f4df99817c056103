"""The configuration class of Zhinao for transformers.

Keys that are not named here are kept and saved again; `auto_map` (a pointer to remote code) is dropped.
It stands on transformers' base class alone, because it is imported while transformers itself is still loading.
"""

from collections.abc import Callable

from transformers.configuration_utils import PreTrainedConfig

when_made: list[Callable[[], None]] = []  # called before each configuration is filled


class ZhinaoConfig(PreTrainedConfig):
    """Sizes default to the 7B model. A missing `rope_theta` is 10000, as upstream's own model file has it."""

    model_type = "zhinao"
    tokenizer_class = "ZhinaoTokenizer"  # for folders whose tokenizer_config.json names none; not saved
    keys_to_ignore_at_inference = ["past_key_values"]  # noqa: RUF012
    base_model_tp_plan = {  # noqa: RUF012
        **{f"layers.*.self_attn.{name}_proj": "colwise" for name in "qkv"},
        "layers.*.self_attn.o_proj": "rowwise",
        "layers.*.mlp.gate_proj": "colwise",
        "layers.*.mlp.up_proj": "colwise",
        "layers.*.mlp.down_proj": "rowwise",
    }
    base_model_pp_plan = {  # noqa: RUF012
        "embed_tokens": (["input_ids"], ["inputs_embeds"]),
        "layers": (["hidden_states", "attention_mask"], ["hidden_states"]),
        "norm": (["hidden_states"], ["hidden_states"]),
    }

    vocab_size: int = 158464
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None  # as many as there are query heads
    head_dim: int | None = None
    hidden_act: str = "silu"
    max_position_embeddings: int = 2048
    initializer_range: float = 0.02
    rms_norm_eps: float = 1e-6
    use_cache: bool = True
    tie_word_embeddings: bool = False
    rope_parameters: dict | None = None
    attention_dropout: float = 0.0
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **kwargs):
        for action in when_made:
            action()
        kwargs.pop("auto_map", None)
        if kwargs.get("rope_theta", 0) is None:
            del kwargs["rope_theta"]
        if self.num_key_value_heads is None:
            self.num_key_value_heads = self.num_attention_heads
        if self.head_dim is None:
            self.head_dim = self.hidden_size // self.num_attention_heads
        # What Qwen2's layers read besides: every layer attends to the whole context.
        kwargs["layer_types"] = ["full_attention"] * self.num_hidden_layers
        kwargs["sliding_window"] = None
        super().__post_init__(**kwargs)
