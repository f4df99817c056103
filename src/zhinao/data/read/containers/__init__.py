"""What a file is made of, told by its content: JSON lines, a JSON array, a table, parquet, plain text; gzip around each.

Each container gives records with their places, or Faults. What the records mean is `formats/`.
"""

import codecs
import json
import re
from collections.abc import Iterator

from zhinao.data.read.containers import json_array, json_lines, parquet, plain_text, table
from zhinao.data.read.containers.stream import Stream
from zhinao.data.read.sources import STDIN, suffix
from zhinao.data.sample import DataError, Fault, Place
from zhinao.lang import tr

# container -> English, Chinese
NAMES = {
    "lines": ("JSON lines", "JSON Lines"),
    "array": ("a JSON array", "JSON 数组"),
    "objects": ("JSON objects one after the other", "依次排列的 JSON 对象"),
    "table": ("a table with a header", "带表头的表格"),
    "parquet": ("parquet", "parquet"),
    "text": ("plain text, a line a document", "纯文本，每行一篇"),
    "text-blocks": ("plain text, blank lines between documents", "纯文本，空行分隔各篇"),
    "text-file": ("plain text, one document", "纯文本，整个文件为一篇"),
}
TABLES = ("table", "parquet")  # whose cells may hold lists as text
_PACKED = {
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"7z\xbc\xaf": "7z",
}
_ARROW = (b"ARROW1", b"\xff\xff\xff\xff")
_JSON = re.compile(r'\{\s*("|$)|\[\s*(\{|$)')  # what text hardly begins with
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def container_of(stream: Stream, format: str | None = None) -> str:
    """The key in NAMES of what the stream holds. Raises DataError for what is no text, and where only a name could tell."""
    source, head = stream.source, stream.head
    if head.startswith(parquet.MAGIC):
        return "parquet"
    _check_text(source, head)
    text = head.decode("utf-8-sig", "ignore")
    first = text.lstrip().partition("\n")[0]
    if format in plain_text.UNITS[1:]:
        return format
    if suffix(source) in (".csv", ".tsv"):
        return "table"
    if suffix(source) == ".txt":
        return "lines" if _is_object(first) else "text"
    if format == "text" and not _JSON.match(first):
        return "text"
    if first.startswith("["):
        return "array"
    if first.startswith("{"):
        return "objects" if _is_open(first) else "lines"
    if suffix(source) in (".json", ".jsonl", ".ndjson"):
        return "lines"
    if table.delimiter(first):
        return "table"
    raise DataError(
        tr(
            f"{source}, line 1: neither JSON nor a table with known columns.",
            f"{source} 第 1 行：既不是 JSON，也不是列名已知的表格。",
        ),
        tr("if it is plain text: --format text", "若为纯文本：--format text"),
    )


def records(stream: Stream, container: str) -> Iterator[tuple[Place, dict] | Fault]:
    """The records of the stream in their order. Raises DataError where it cannot be read on."""
    if container in plain_text.UNITS:
        return plain_text.records(stream.source, stream.bytes, container)
    if container == "parquet":
        return parquet.records(stream)
    readers = {"lines": json_lines, "array": json_array, "objects": json_array, "table": table}
    return readers[container].records(stream.source, stream.bytes)


def _check_text(source: str, head: bytes) -> None:
    """Raises DataError for an empty file and for what is no UTF-8 text as a whole."""
    name = tr("standard input", "标准输入") if source == STDIN else source
    if not head.strip():
        raise DataError(
            tr(f"{name}: is empty.", f"{name}：是空的。"),
            tr("leave it out, or make it anew", "请去掉这个文件，或重新生成"),
        )
    packed = next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), None)
    if packed:
        raise DataError(
            tr(f"{name}: is packed with {packed}.", f"{name}：是 {packed} 压缩文件。"),
            tr("unpack it first", "请先解压"),
        )
    if head.startswith(_ARROW):
        what = tr(f"{name}: is an Arrow file, as `datasets` keeps them.", f"{name}：是 `datasets` 保存的 Arrow 文件。")
        raise DataError(what, 'datasets.load_from_disk("…").to_parquet("data.parquet")')
    if suffix(source) == ".parquet":
        raise DataError(tr(f"{name}: is no parquet file.", f"{name}：不是 parquet 文件。"))
    if head.startswith(_UTF16):
        raise _encoded(name, "UTF-16", 1, 1)
    if b"\0" in head:
        line, byte = head.count(b"\n", 0, head.index(b"\0")) + 1, head.index(b"\0") + 1
        what = tr("a NUL byte; it is binary, or UTF-16", "NUL 字节，可能是二进制或 UTF-16")
        raise DataError(
            tr(f"{name}, line {line}: byte {byte} is {what}.", f"{name} 第 {line} 行：第 {byte} 个字节是{what}。")
        )
    _check_chinese(name, head)


def _check_chinese(name: str, head: bytes) -> None:
    """Raises DataError where most lines with other than ASCII are no UTF-8 but GB 18030 (GBK, GB2312)."""
    lines = [line for line in head.split(b"\n")[:-1] or [head] if not line.isascii()]
    bad = [line for line in lines if not _decodes(line, "utf-8")]
    if 2 * len(bad) > len(lines) and all(_decodes(line, "gb18030") for line in bad):
        line = head.split(b"\n").index(bad[0]) + 1
        try:
            head.decode()
        except UnicodeDecodeError as error:
            raise _encoded(name, "GB18030", line, error.start + 1) from None


def _encoded(name: str, encoding: str, line: int, byte: int) -> DataError:
    return DataError(
        tr(
            f"{name}, line {line}: byte {byte} is not UTF-8; the file looks like {encoding}.",
            f"{name} 第 {line} 行：第 {byte} 个字节不是 UTF-8，文件似乎是 {encoding} 编码。",
        ),
        f"iconv -f {encoding} -t UTF-8 {name} > …",
    )


def _decodes(line: bytes, encoding: str) -> bool:
    """The line may be cut in the middle of a character."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(line)
    except UnicodeDecodeError:
        return False
    return True


def _is_object(line: str) -> bool:
    """A whole JSON object in one line; a line longer than the look ahead counts by its beginning."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return line.startswith('{"') and len(line) > 2**15


def _is_open(line: str) -> bool:
    """The line ends where the object goes on, as in a file with one value over several lines."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line.rstrip()) and len(line) < 2**15
    except (ValueError, RecursionError):
        return False
    return False
