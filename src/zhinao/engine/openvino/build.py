"""The kept OpenVINO graphs: one folder for each checkpoint and weight format, built once, checked at every start.

A folder holds `openvino_model.xml`, `.bin` and `source.json`. Folders are whole or absent; two processes that want the
same one build it once. Nothing here knows how a graph looks inside.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from zhinao import files
from zhinao.files import human_size
from zhinao.lang import tr
from zhinao.model.checkpoint import Checkpoint

FORMATS = {"int8": 2, "bf16": 3, "f32": 2}  # count up when graphs of older versions must not be used any more
XML, BIN, SOURCE = "openvino_model.xml", "openvino_model.bin", "source.json"
_BYTES_PER_WEIGHT = {"f32": 4, "bf16": 2, "int8": 1}

Progress = Callable[[float, str], None]


def compiled(checkpoint: Checkpoint, weight_format: str, progress: Progress | None = None) -> Path:
    """The folder with the graph of `checkpoint`; built first where it is not there or damaged.

    `progress(fraction, sentence)` is called while building. Raises CheckpointError, DiskError.
    """
    target = files.home() / "compiled" / _name(checkpoint, weight_format)
    if _is_whole(target):
        return target
    with files.lock(target.parent / f".{target.name}.lock"):
        if not _is_whole(target):
            clear(target, checkpoint, weight_format)
            _build(target, checkpoint, weight_format, progress or (lambda fraction, sentence: None))
    return target


def _name(checkpoint: Checkpoint, weight_format: str) -> str:
    """Model's name and a hash of all that the graph depends on: contents by size and time, as `make` does."""
    config = checkpoint.folder / "config.json"
    stamps = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in (config, *checkpoint.files)]
    what = json.dumps(
        [
            str(checkpoint.folder.resolve()),
            stamps,
            config.read_text(encoding="utf-8"),
            weight_format,
            FORMATS[weight_format],
        ]
    )
    return folder_name(checkpoint.folder.resolve(), weight_format, what)


def folder_name(model: Path, kind: str, depends_on: str) -> str:
    """Where something of this kind that is made of `model` is kept, under `compiled`."""
    name = re.sub(r"[^\w.-]+", "-", model.name).strip("-.") or "model"
    return f"{name}-{kind}-{hashlib.sha256(depends_on.encode()).hexdigest()[:10]}"


def _is_whole(target: Path) -> bool:
    """Whether the folder is there with the sizes that were written, and the graph's text unchanged."""
    try:
        source = json.loads((target / SOURCE).read_text(encoding="utf-8"))
        sizes = {name: (target / name).stat().st_size for name in (XML, BIN)}
        return source["sizes"] == sizes and source["xml_sha256"] == files.sha256(target / XML)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def clear(target: Path, checkpoint: Checkpoint, weight_format: str) -> None:
    """Say that a folder is damaged, and remove graphs of earlier states of the same checkpoint."""
    if target.exists():
        logging.getLogger("zhinao").warning(
            tr(f"{target} is damaged and is built again.", f"{target} 已损坏，正在重新生成。")
        )
    for other in target.parent.glob(f"*-{weight_format}-*/{SOURCE}"):
        try:
            model = json.loads(other.read_text(encoding="utf-8"))["model"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if model == str(checkpoint.folder.resolve()) and other.parent != target:
            shutil.rmtree(other.parent, ignore_errors=True)


def _build(target: Path, checkpoint: Checkpoint, weight_format: str, progress: Progress) -> None:
    num_weights = sum(info.num_bytes for info in checkpoint.stored.values())
    num_bytes = num_weights // _width(checkpoint) * _BYTES_PER_WEIGHT[weight_format]
    files.check_free_space(target.parent, num_bytes)
    sentence = tr(
        f"preparing the {weight_format} weights ({human_size(num_bytes)})",
        f"正在准备 {weight_format} 权重（{human_size(num_bytes)}）",
    )
    progress(0.0, sentence)
    from zhinao.engine.openvino.quiet import without_reports

    without_reports()
    from zhinao.model.openvino import graph

    num_layers = checkpoint.architecture.num_layers
    with files.atomic_folder(target) as work:
        graph.write(
            checkpoint, weight_format, work / XML, on_layer=lambda n: progress(0.9 * (n + 1) / num_layers, sentence)
        )
        files.write_json(
            work / SOURCE,
            {
                "model": str(checkpoint.folder.resolve()),
                "quant": weight_format,
                "format": FORMATS[weight_format],
                "sizes": {name: (work / name).stat().st_size for name in (XML, BIN)},
                "xml_sha256": files.sha256(work / XML),
            },
        )
    progress(1.0, sentence)


def _width(checkpoint: Checkpoint) -> int:
    info = next(iter(checkpoint.stored.values()))
    return {"BF16": 2, "F16": 2}.get(info.dtype, 4)
