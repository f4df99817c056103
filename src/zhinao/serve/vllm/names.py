"""Which tensor names a checkpoint may and must bring while vLLM loads it. Looks at names only; needs neither torch nor vLLM."""

from pathlib import Path

from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model import qkv
from zhinao.model.architecture import Architecture
from zhinao.model.checkpoint import is_recomputed


class Names:
    """Give it every name; at the end of the first loading ask whether all have come.

    `must_be_whole` False: tensors may come one by one from the beginning.
    """

    def __init__(self, architecture: Architecture, folder: Path, must_be_whole: bool = True):
        self._folder, self._must_be_whole, self._seen = folder, must_be_whole, set()
        self._known = set(architecture.tensor_shapes(is_fused=False))
        self._fused = set(architecture.tensor_shapes(is_fused=True)) - self._known
        self._is_tied = architecture.is_tied

    def is_wanted(self, name: str) -> bool:
        """False for what is computed, not loaded: tables of positions, a head that is the embedding.

        Raises CheckpointError for any other name that does not belong to the architecture.
        """
        if is_recomputed(name) or (self._is_tied and name == "lm_head.weight"):
            return False
        if name in self._fused:
            self._seen.update(qkv.split_names(name))
        elif name in self._known:
            self._seen.add(name)
        else:
            raise CheckpointError(
                tr(f"{self._folder}: unknown tensor {name}.", f"{self._folder}：未知张量 {name}。"),
                tr("`zhinao pull` checks and mends a model", "可用 `zhinao pull` 检查并修复模型"),
            )
        return True

    def check_complete(self) -> None:
        """Raise CheckpointError where a tensor has not come in the first loading; later calls ask for nothing."""
        missing = sorted(self._known - self._seen)
        if missing and self._must_be_whole:
            raise CheckpointError(
                tr(
                    f"{self._folder}: {len(missing)} tensors are missing, the first is {missing[0]}.",
                    f"{self._folder}：缺少 {len(missing)} 个张量，第一个是 {missing[0]}。",
                )
            )
        self._must_be_whole = False
