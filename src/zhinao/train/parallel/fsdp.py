"""FSDP2 (torch's `fully_shard`) through accelerate: weights, gradients and optimizer states in slices, layer by layer."""

from zhinao.train.settings.settings import TrainSettings

CONFIG = {
    "version": 2,
    "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",  # the layers that the model class names
    "reshard_after_forward": True,
    "cpu_ram_efficient_loading": True,  # one process of a machine reads the weights, the others get their slices
    "state_dict_type": "FULL_STATE_DICT",  # checkpoints hold whole weights, for any number of processes
}


def arguments(settings: TrainSettings) -> dict:
    """TrainingArguments. On the CPU accelerate takes the process group as `processes.join` has described it."""
    made = {"fsdp": True, "fsdp_config": dict(CONFIG)}
    return made | ({"accelerator_config": {"use_configured_state": True}} if settings.use_cpu else {})
