"""One JSON object a line. A line that is none is a Fault; the next one is read all the same.

JSON is read strictly, here and in `json_array.py`: a key that is there twice and half characters are errors.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator

from zhinao.data.read.containers.stream import lines
from zhinao.data.read.formats.fields import kind_of
from zhinao.data.sample import Fault, Place
from zhinao.lang import tr

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SENTENCES = {
    "Expecting value": "此处缺少值",
    "Expecting property name enclosed in double quotes": "此处应为双引号括起的键",
    "Expecting ':' delimiter": "此处缺少冒号",
    "Expecting ',' delimiter": "此处缺少逗号",
    "Unterminated string starting at": "从此处开始的字符串没有结束",
    "Invalid control character at": "字符串中有未转义的控制字符",
    "Invalid \\escape": "无效的 \\ 转义",
    "Invalid \\uXXXX escape": "无效的 \\u 转义",
    "Extra data": "值之后还有多余的内容",
    "Illegal trailing comma before end of object": "对象末尾有多余的逗号",
    "Illegal trailing comma before end of array": "数组末尾有多余的逗号",
}


def records(source: str, file: io.BufferedReader) -> Iterator[tuple[Place, dict] | Fault]:
    num_records = 0
    for number, raw in lines(source, file):
        if raw.isspace() or not raw:
            continue
        num_records += 1
        place = Place(source, number, num_records)
        try:
            line = raw.decode().strip()
            value = DECODER.decode(line)
            check_characters(value, line)
        except UnicodeDecodeError as error:
            yield Fault(place, "", not_utf8(error))
        except (ValueError, RecursionError) as error:
            yield Fault(place, "", sentence(error, line))
        else:
            yield (place, value) if isinstance(value, dict) else no_object(place, value)


def not_utf8(error: UnicodeDecodeError) -> str:
    """For a line of text; the byte's number is counted in that line, from 1."""
    return tr(
        f"is not UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start + 1} of the line)",
        f"不是 UTF-8（该行第 {error.start + 1} 个字节为 0x{error.object[error.start]:02x}）",
    )


def no_object(place: Place, value) -> Fault:
    return Fault(place, "", tr(f"must be an object, not {kind_of(value)}", f"必须是对象，而不是{kind_of(value)}"))


class _RepeatedKey(ValueError):
    pass


def _object(pairs: list[tuple]) -> dict:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _RepeatedKey(next(key for key, num in Counter(key for key, _ in pairs).items() if num > 1))
    return value


DECODER = json.JSONDecoder(object_pairs_hook=_object)


def check_characters(value, text: str) -> None:
    """Raises UnicodeEncodeError where a string of `value`, decoded from `text`, holds half of a character (a lone surrogate)."""
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()


def sentence(error: Exception, text: str = "", first_line: int | None = None) -> str:
    """What is wrong, for people; with line (where `first_line` is that of `text`) and column of a syntax error."""
    if isinstance(error, _RepeatedKey):
        return tr(f"the key {str(error)!r} is there twice", f"键 {str(error)!r} 重复")
    if isinstance(error, UnicodeEncodeError):
        return tr("a \\u escape gives half a character (a lone surrogate)", "\\u 转义只给出半个字符（孤立的代理项）")
    if isinstance(error, RecursionError):
        return tr("is nested too deeply", "嵌套过深")
    if not isinstance(error, json.JSONDecodeError):
        return tr(f"is no JSON: {error}", f"不是有效的 JSON：{error}")
    words = error.msg.partition(" (")[0]
    what = tr(words[:1].lower() + words[1:], _SENTENCES.get(words, words))
    if error.pos >= len(text.rstrip()) > 0:
        what = tr("it ends in the middle", "内容在中间断开")
    column = error.pos - text.rfind("\n", 0, error.pos)
    where = tr(f"column {column}", f"第 {column} 列")
    if first_line is not None:
        line = first_line + text.count("\n", 0, error.pos)
        where = tr(f"line {line}, {where}", f"第 {line} 行{where}")
    return tr(f"is no JSON: {what} ({where})", f"不是有效的 JSON：{what}（{where}）")
