"""What must be said before a model is believed: that it knows no Chinese, whose sampling it has. Draws nothing."""

import os
import re

from zhinao import family
from zhinao.api.model import Model
from zhinao.files import human_size
from zhinao.lang import tr

_CHINESE = re.compile(r"[\u3400-\u9fff]")


def is_chinese(text: str) -> bool:
    return bool(_CHINESE.search(text))


def knows_no_chinese(model: Model) -> str:
    """A warning with the command for a model that does; empty where this one may know it."""
    if not model.languages or "zh" in model.languages:
        return ""
    other = next(one for one in family.RELEASES if one.short == family.CHINESE_DEMO)
    # whoever came by `make chat` has no `zhinao` on the path
    command = f"make chat MODEL={other.short}" if os.environ.get("MAKELEVEL") else f"zhinao chat {other.short}"
    size = human_size(other.num_bytes)
    return tr(
        f"{model.name} knows English only: to Chinese it answers with nonsense.\n"
        f"  → {command}  (Chinese and English, {size} to fetch, {other.licence[0]})",
        f"{model.name} 只懂英文，用中文提问只会得到胡话。\n  → {command}（中英双语，下载 {size}，{other.licence[1]}）",
    )


def sampling(model: Model) -> str:
    """Whose defaults are taken where the checkpoint itself names none; empty otherwise."""
    source = model.sampling_source
    if source not in family.MAKERS:
        return ""
    values = " · ".join(f"{name} {value}" for name, value in model.sampling.items())
    return tr(
        f"sampling as advised for {source}, for the file names none: {values}",
        f"文件未给出采样参数，按 {source} 发布者的建议：{values}",
    )
