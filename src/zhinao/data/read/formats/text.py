"""`text`: documents for continued pre-training, a record with `text` each. Plain text files come here as such records."""

from collections import Counter

from zhinao.data.read.formats import fields
from zhinao.data.sample import Place, Sample

NAME, KINDS = "text", ("text",)
FIELDS = {"text"}


def claims(record: dict) -> bool:
    return record.get("text") is not None


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    return Sample("text", place, text=fields.text(record, "text"))


def write(sample: Sample) -> dict:
    return {"text": sample.text}
