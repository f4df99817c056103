"""Messages between the processes: a length, then JSON. Whoever sends too much is not read further."""

import json
import os
import struct

_LENGTH = struct.Struct("<I")
MOST_BYTES = 8 * 2**20


class Closed(Exception):
    """The other side is gone, or says what nobody can read."""


def send(number: int, message) -> None:
    data = json.dumps(message).encode()
    if len(data) > MOST_BYTES:
        raise Closed("too long")
    data = _LENGTH.pack(len(data)) + data
    try:
        while data:
            data = data[os.write(number, data) :]
    except OSError:
        raise Closed from None


def receive(number: int):
    (length,) = _LENGTH.unpack(_exactly(number, _LENGTH.size))
    if length > MOST_BYTES:
        raise Closed("too long")
    try:
        return json.loads(_exactly(number, length))
    except (ValueError, RecursionError):
        raise Closed("no message") from None


def _exactly(number: int, size: int) -> bytes:
    parts = []
    while size:
        try:
            part = os.read(number, size)
        except OSError:
            raise Closed from None
        if not part:
            raise Closed
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
