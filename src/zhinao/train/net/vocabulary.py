"""`--new_tokens`: the model's tokenizer with further words, in a folder of the run, so that everything encodes alike."""

import hashlib
from pathlib import Path

from zhinao import files
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.settings.settings import TrainSettings


def folder_for(settings: TrainSettings, model: Path) -> Path:
    """The folder whose tokenizer a run uses: the model's own, or one made here, once for all processes of a machine."""
    if not settings.new_tokens:
        return model
    words = hashlib.sha256("\n".join(settings.new_tokens).encode()).hexdigest()[:8]
    target = Path(settings.output_dir) / f"tokenizer-{words}"
    with files.lock(target.with_name(f".{target.name}.lock")):
        if not target.exists():
            with files.atomic_folder(target) as work:
                Tokenizer.load(model).with_words(settings.new_tokens).save(work)
    return target
