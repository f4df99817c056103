"""The kept vocabulary of a checkpoint, in the form that OpenVINO GenAI constrains answers by.

A folder with a detokenizer graph, whose `VocabDecoder` holds the bytes of every id. Ids without bytes never come out of
a grammar: control tokens, and the rows of the embedding that no token has. In `trial` the same for the process that
tries grammars out, with a model that is next to nothing: one id without bytes before all others, one behind.
"""

import functools
import importlib.util
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhinao import files
from zhinao.engine.openvino import build
from zhinao.errors import CheckpointError
from zhinao.model.checkpoint import Checkpoint, ShardWriter

FORMAT = 1  # counts up when folders of older versions must not be used any more
_KIND = "vocabulary"
_TRIAL = "trial"
_DETOKENIZER = "openvino_detokenizer.xml"
_STUB = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1024,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
}


@dataclass(frozen=True)
class Vocabulary:
    """`stop_id` ends an answer whose request names no id that does."""

    folder: Path
    num_rows: int
    stop_id: int

    @property
    def trial_folder(self) -> Path:
        return self.folder / _TRIAL

    @property
    def num_trial_rows(self) -> int:
        return self.num_rows + 2


def kept(checkpoint: Checkpoint) -> Vocabulary | None:
    """Built first where it is not there or damaged. None for a model without a byte-level tokenizer.

    Raises DiskError.
    """
    target = files.home() / "compiled" / _name(checkpoint)
    source = _whole(target)
    if source is None:
        with files.lock(target.parent / f".{target.name}.lock"):
            source = _whole(target) or _build(target, checkpoint)
    return Vocabulary(target, checkpoint.architecture.vocab_size, source["stop_id"]) if source["sizes"] else None


def _name(checkpoint: Checkpoint) -> str:
    folder = checkpoint.folder.resolve()
    found = sorted({*folder.glob("*.json"), *folder.glob("*.tiktoken"), *folder.glob("vocab/*.tiktoken")})
    stamps = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in found]
    what = json.dumps([str(folder), stamps, checkpoint.architecture.vocab_size, FORMAT])
    return build.folder_name(folder, _KIND, what)


def _whole(target: Path) -> dict | None:
    try:
        source = json.loads((target / build.SOURCE).read_text(encoding="utf-8"))
        sizes = {name: (target / name).stat().st_size for name in source["sizes"]}
        return source if sizes == source["sizes"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(target: Path, checkpoint: Checkpoint) -> dict:
    build.clear(target, checkpoint, _KIND)
    vocabulary, stop_id = _read(checkpoint)
    with files.atomic_folder(target) as work:
        if vocabulary:
            trial = work / _TRIAL
            trial.mkdir()
            _write_detokenizer(vocabulary, work / _DETOKENIZER)
            _write_detokenizer([b"", *vocabulary, b""], trial / _DETOKENIZER)
            _write_stub(len(vocabulary) + 2, trial / build.XML)
        source = {
            "model": str(checkpoint.folder.resolve()),
            "quant": _KIND,
            "format": FORMAT,
            "stop_id": stop_id,
            "sizes": {str(f.relative_to(work)): f.stat().st_size for f in sorted(work.rglob("*")) if f.is_file()},
        }
        files.write_json(work / build.SOURCE, source)
    return source


def _read(checkpoint: Checkpoint) -> tuple[list[bytes], int | None]:
    """The bytes of each id, as many as the embedding has rows, and the id that ends an answer; none where it cannot be."""
    from zhinao.model.tokenizer import Tokenizer

    try:
        tokenizer = Tokenizer.load(checkpoint.folder)
    except CheckpointError:  # the engine itself needs none
        return [], None
    control = set(tokenizer.control_tokens.values())
    if not tokenizer.is_byte_level or not control:
        return [], None
    num_rows = checkpoint.architecture.vocab_size
    known = range(min(tokenizer.vocab_size, num_rows))
    spelled = [b"" if id in control else tokenizer.bytes_of(id) for id in known]
    stop_id = min(control) if tokenizer.eos_id is None else tokenizer.eos_id
    return spelled + [b""] * (num_rows - len(spelled)), stop_id


def _write_detokenizer(vocabulary: list[bytes], xml: Path) -> None:
    from zhinao.engine.openvino.quiet import without_reports

    without_reports()
    import openvino as ov
    from openvino import opset15 as op

    extension = _extension()
    ids = op.parameter([-1, -1], ov.Type.i64)
    ends = np.cumsum([len(token) for token in vocabulary], dtype=np.int32)
    begins = np.concatenate([np.zeros(1, np.int32), ends[:-1]])
    chars = np.frombuffer(b"".join(vocabulary), np.uint8)
    constants = [op.constant(array).output(0) for array in (begins, ends, chars)]
    decoder = extension.create("VocabDecoder", [op.convert(ids, ov.Type.i32).output(0), *constants])
    *ragged, joined = decoder.outputs()
    ranges = extension.create("FuzeRagged", ragged).outputs()
    text = op.string_tensor_pack(*ranges, joined)
    text.output(0).set_names({"string_output"})
    ov.save_model(ov.Model([op.result(text)], [ids], "detokenizer"), xml, compress_to_fp16=False)


@functools.cache  # for good: nodes must not outlive the library that they come from
def _extension():
    """Makes the operations on strings that openvino-tokenizers brings. The package itself would import much more."""
    from openvino.utils.node_factory import NodeFactory

    factory = NodeFactory()
    package = Path(importlib.util.find_spec("openvino_tokenizers").origin).parent
    factory.add_extension(next((package / "lib").glob("*openvino_tokenizers.*")))
    return factory


def _write_stub(num_rows: int, xml: Path) -> None:
    """A model of one layer, all zero."""
    from zhinao.model import architecture
    from zhinao.model.openvino import graph

    with tempfile.TemporaryDirectory() as name:
        folder, config = Path(name), _STUB | {"vocab_size": num_rows}
        files.write_json(folder / "config.json", config)
        shapes = architecture.from_config(config, folder / "config.json").tensor_shapes(False)
        writer = ShardWriter(folder, [(name, "F32", shape) for name, shape in shapes.items()])
        for tensor, shape in shapes.items():
            writer.write(tensor, np.zeros(shape, np.float32))
        writer.finish()
        graph.write(Checkpoint(folder), "int8", xml)
