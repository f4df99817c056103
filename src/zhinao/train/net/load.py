"""The model of a run: float32 weights where they are trained, attention by documents, the loss inside the head, adapters."""

import contextlib
import sys
from pathlib import Path

import torch

from zhinao.model import architecture
from zhinao.model.architecture import Architecture
from zhinao.model.checkpoint import refuse_adapter
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.net import adapters, attention, context, head, noise
from zhinao.train.settings import passed_on
from zhinao.train.settings.settings import TrainSettings


def load(settings: TrainSettings, folder: Path, tokenizer: Tokenizer):
    """The model in `folder`, ready to be trained. `settings` are decided (`training_arguments.decided`).

    Weights are float32 also for bf16 and fp16 runs, which compute in those: small updates would be lost in bf16 weights.
    Raises CheckpointError for a folder that does not load, UsageError for settings that do not fit the model.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, set_seed
    from transformers.utils.logging import disable_progress_bar

    refuse_adapter(folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    arch = architecture.read(folder)
    _stretch(config, settings, arch)
    set_seed(settings.seed)  # adapters and new rows of the embedding begin at random
    if not sys.stderr.isatty():
        disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        config=config,
        dtype=torch.float32,
        local_files_only=True,
        **_quantized(settings),
    )
    _add_words(model, range(Tokenizer.load(folder).vocab_size, tokenizer.vocab_size))
    return ready(model, settings, arch.dtype)


def ready(model, settings: TrainSettings, precision: str):
    """A model of transformers as a run trains it, in the order in which that must be done: no cache, attention by documents, the loss
    in the head (smoothed where that is wanted), noise on the embeddings, adapters. `precision`: of its checkpoint."""
    model.config.use_cache = False
    attention.use(model)
    more = passed_on.checked(settings.training_arguments, settings.is_preference)
    head.install(model, more.get("label_smoothing_factor", 0.0))
    if alpha := more.get("neftune_noise_alpha"):
        noise.install(model, alpha)
    return adapters.add(model, settings, precision) if settings.is_adapter else model


def _add_words(model, ids: range) -> None:
    """Rows of tokens that the folder's tokenizer did not have begin as the mean of the others; there may be rows to spare."""
    if not ids:
        return
    if ids.stop > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(ids.stop, mean_resizing=False)
    for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
        with torch.no_grad(), _whole(layer.weight):
            layer.weight[ids.start : ids.stop] = layer.weight[: ids.start].mean(0)


def _whole(weight):
    """A context in which a weight that ZeRO-3 has cut is whole; what is written there by the first process holds for all."""
    if not hasattr(weight, "ds_id"):
        return contextlib.nullcontext()
    import deepspeed

    return deepspeed.zero.GatheredParameters([weight], modifier_rank=0)


def _stretch(config, settings: TrainSettings, arch: Architecture) -> None:
    context.check(settings, arch)
    if settings.rope_theta:
        config.rope_parameters = {**(config.rope_parameters or {}), "rope_theta": settings.rope_theta}
    if settings.model_max_length > arch.num_context_tokens:
        config.max_position_embeddings = settings.model_max_length


def _quantized(settings: TrainSettings) -> dict:
    if settings.method != "qlora":
        return {}
    from transformers import BitsAndBytesConfig

    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16 if settings.bf16 else torch.float16,
        )
    }
