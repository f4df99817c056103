"""Files that tell vLLM what it does not know of a checkpoint: where answers end, how to sample, how a conversation reads.

They lie in a folder of their own, so that the checkpoint stays as it is.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from zhinao import files
from zhinao.api.model import knows_thoughts
from zhinao.family import CHAT_TEMPLATE
from zhinao.hub import LocalModel
from zhinao.model import architecture, defaults
from zhinao.model.tokenizer import Tokenizer
from zhinao.model.tokenizer_folder import read_json
from zhinao.prompt.conversation import TOOL_USE
from zhinao.serve.vllm.tools_template import for_both


@dataclass(frozen=True)
class FamilyFiles:
    """`folder` holds generation_config.json, None where no file of the model is here; `chat_template` is None where the checkpoint's
    own does. `thinks`: it has thoughts."""

    folder: Path | None
    chat_template: Path | None
    thinks: bool
    overrides: dict = field(default_factory=dict)  # of config.json, for vLLM's reading of scaled positions

    @classmethod
    def of_absent(cls, model: LocalModel) -> "FamilyFiles":
        """What can be said of a released model of which nothing is here."""
        return cls(None, None, bool(model.release and model.release.thinks))

    @classmethod
    def write(cls, model: LocalModel) -> "FamilyFiles":
        """Write them once for each content; the same model gives the same folder. Raises CheckpointError, DiskError."""
        tokenizer = Tokenizer.load(model.path)
        found = defaults.read(model.path, tokenizer, model.release)
        # Without `max_new_tokens`: vLLM would take it as the most that anybody may ask for.
        config = json.dumps({"eos_token_id": list(found.stop_ids), **found.sampling}, indent=2)
        template = for_both(tokenizer.chat_template or CHAT_TEMPLATE, tokenizer.named_templates.get(TOOL_USE))
        is_own = template == tokenizer.chat_template
        digest = hashlib.sha256(f"{config}\n{template}".encode()).hexdigest()[:10]
        folder = files.home() / "vllm" / f"{re.sub(r'[^A-Za-z0-9.-]', '-', model.name)}-{digest}"
        if not folder.is_dir():
            with files.atomic_folder(folder) as work:
                (work / "generation_config.json").write_text(config + "\n", encoding="utf-8")
                (work / "chat_template.jinja").write_text(template, encoding="utf-8")
        thinks = bool(model.release and model.release.thinks) or knows_thoughts(tokenizer)
        overrides = architecture.overrides(read_json(model.path / "config.json"))
        return cls(folder, None if is_own else folder / "chat_template.jinja", thinks, overrides)
