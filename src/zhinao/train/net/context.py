"""How long a document may be for a model: the context that its positions reach, or what a larger base is to make of it."""

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.model.architecture import Architecture
from zhinao.train.settings.settings import TrainSettings


def check(settings: TrainSettings, arch: Architecture) -> None:
    """Raises UsageError where `--model_max_length` goes beyond the context and nothing lengthens that."""
    known, wanted = arch.num_context_tokens, settings.model_max_length
    if wanted <= known or (settings.rope_theta and arch.rope_scaling is None):
        return
    kind = (arch.rope_scaling or {}).get("rope_type")
    raise UsageError(
        tr(
            f"--model_max_length is {wanted}; the model knows {known} positions.",
            f"--model_max_length 为 {wanted}，而模型只支持 {known} 个位置。",
        ),
        tr(
            f"its positions are scaled ({kind}): a larger factor in rope_scaling of its config.json",
            f"其位置已缩放（{kind}）：请增大 config.json 中 rope_scaling 的 factor",
        )
        if kind
        else tr("a larger RoPE base goes with it: --rope_theta", "请同时用 --rope_theta 增大 RoPE 基数"),
    )
