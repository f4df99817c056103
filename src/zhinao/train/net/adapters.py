"""LoRA and its kin by PEFT, on the projections that this family has."""

from pathlib import Path

import torch
from torch.nn import functional

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.settings.settings import TrainSettings


class FrozenLinear(torch.nn.Linear):
    """Weights that stay in the 16 bits of their checkpoint. Autocast takes them as they are; outside of it the product is in
    the input's dtype, as if they were float32."""

    def forward(self, x):
        if torch.is_autocast_enabled(x.device.type):
            return super().forward(x)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return functional.linear(x, self.weight.to(x.dtype), bias)


def add(model, settings: TrainSettings, precision: str):
    """`model`, in float32, with adapters; all else is frozen. `precision`: of its checkpoint, as config.json says.

    Frozen matrices go back to 16 bits where that loses nothing (`TrainSettings.has_narrow_base`): autocast would make the
    very same numbers of them at every use. Embeddings and norms stay float32, and with them the residual stream. Raises
    UsageError for a projection that the model does not have.
    """
    from peft import LoraConfig, get_peft_model

    known = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    for name in settings.lora_targets:
        if name not in known:
            raise UsageError(
                tr(f"--lora_targets: the model has no {name}.", f"--lora_targets：模型中没有 {name}。"),
                " ".join(TrainSettings.lora_targets),
            )
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=list(settings.lora_targets),
        use_rslora=settings.method == "rslora",
        use_dora=settings.method == "dora",
        task_type="CAUSAL_LM",
        # new rows of the embedding have to be learned too
        modules_to_save=["embed_tokens", "lm_head"] if settings.new_tokens else None,
    )
    if settings.method == "qlora":
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=settings.gradient_checkpointing)
    model.enable_input_require_grads()  # gradient checkpointing would find nothing to differentiate
    model = get_peft_model(model, config)
    if settings.has_narrow_base(precision):
        _narrow(model, getattr(torch, precision))
    return model


def _narrow(model, dtype: torch.dtype) -> None:
    for module in model.modules():
        if type(module) is torch.nn.Linear and not module.weight.requires_grad:
            module.__class__ = FrozenLinear
            module.to(dtype)


def restored(model, checkpoint: Path):
    """`model` with the adapters that `checkpoint` holds in place of its own."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(checkpoint / "adapter_model.safetensors"))
    return model


def merged(model):
    """The plain model, with the adapters added into its weights; `model` is used up by it. Sums are rounded once."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    tuned = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    narrow = [module for module in tuned if isinstance(module.get_base_layer(), FrozenLinear)]
    for module in narrow:
        base = module.get_base_layer()
        dtype = base.weight.dtype
        base.float()
        module.merge(safe_merge=True)
        base.to(dtype)
    return model.unload() if narrow else model.merge_and_unload(safe_merge=True)
