"""LoRA and its kin by PEFT, on the projections that this family has."""

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.train.settings import TrainSettings


def add(model, settings: TrainSettings):
    """`model` with adapters; all else is frozen. Raises UsageError for a projection that the model does not have."""
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
    return get_peft_model(model, config)


def merged(model):
    """The plain model, with the adapters added into its weights; `model` is used up by it."""
    return model.merge_and_unload(safe_merge=True)
