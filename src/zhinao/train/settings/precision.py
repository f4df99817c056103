"""Which numbers a run computes in: decided here, from what was asked for and what processor or GPU multiplies.

"Has bfloat16" means here: multiplies it, faster than float32. Of the processor `machine.has_bf16` knows that, of this machine's GPU
`gpu_has_bf16`. Imports torch for the latter alone. Weights are float32 either way, so float32 in place of bfloat16 loses nothing; imitated bfloat16 is many times slower.
"""

from zhinao import machine
from zhinao.lang import tr
from zhinao.train.settings.settings import TrainSettings


def is_out_of_reach(settings: TrainSettings) -> bool:
    """Whether a run on this processor cannot compute in bfloat16 whatever is asked for. `settings.use_cpu` is decided."""
    return settings.use_cpu and not machine.has_bf16()


def bf16(settings: TrainSettings, has_gpu_bf16: bool) -> bool:
    """What becomes of `--bf16`, given or left open. has_gpu_bf16: of the GPU, where `settings.use_cpu` is False."""
    if is_out_of_reach(settings):
        return False
    has_products = settings.use_cpu or has_gpu_bf16
    return settings.bf16 if settings.bf16 is not None else has_products and not settings.fp16


def gpu_has_bf16() -> bool:
    """Of this machine's GPU. `including_emulation` would be what a GPU without such products offers too."""
    import torch

    return torch.cuda.is_bf16_supported(including_emulation=False)


def sentence() -> str:
    """For a run that asked for bfloat16 and gets float32."""
    return tr(
        "This processor has no products of bfloat16: --bf16 True becomes computing in float32, as the weights are "
        "(faster here, and no less exact).",
        "本机处理器没有 bfloat16 乘法：--bf16 True 改为以 float32 计算（权重本就是 float32；在本机更快，精度不降）。",
    )
