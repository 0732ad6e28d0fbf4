"""The wire format of a link, as `packages/link/src/frames.ts` has it.

A frame is a 12-byte header and a payload, all integers little-endian:
u32 payload bytes, u8 type, u8 flags, u16 channel, u32 stream, payload.
"""

import struct

HELLO, OPEN, REPLY, DATA, CREDIT, CANCEL, PING, PONG, NOTE, PARK, PARKED = range(1, 12)

FLAG_END = 1
VERSION_MIN = 1
VERSION_MAX = 1

FRAME_BYTES_MAX = 1 << 20
HEAD_BYTES_MAX = 512 << 10
CREDIT_BYTES = 256 << 10
CHUNK_BYTES = 64 << 10
STREAMS_MAX = 65_536

HEADER = struct.Struct("<IBBHI")
WORD = struct.Struct("<I")
TWO_WORDS = struct.Struct("<II")


class LinkBroken(Exception):
    """The peer broke a rule of the protocol; nothing more can be said on this link."""


class LinkParked(Exception):
    """Nobody holds the other end at the moment: nothing may be sent."""


class Decoder:
    """Cuts a byte stream into frames; holds at most one frame that is not whole yet."""

    __slots__ = ("_rest",)

    def __init__(self):
        self._rest = b""

    def push(self, chunk):
        """Returns the whole frames: (type, flags, stream, payload) each."""
        data = self._rest + chunk if self._rest else chunk
        size = len(data)
        at = 0
        frames = []
        while size - at >= 12:
            length, kind, flags, _channel, stream = HEADER.unpack_from(data, at)
            if length > FRAME_BYTES_MAX:
                raise LinkBroken(f"a frame of {length} bytes, the limit is {FRAME_BYTES_MAX}")
            start = at + 12
            if size - start < length:
                break
            at = start + length
            frames.append((kind, flags, stream, data[start:at]))
        self._rest = data[at:]
        return frames


def encode(kind, flags, stream, payload=b""):
    """One frame as bytes."""
    return b"".join((HEADER.pack(len(payload), kind, flags, 0, stream), payload))


def encode_reply(flags, stream, head, body):
    """A REPLY: u32 head bytes, head, body."""
    length = 4 + len(head) + len(body)
    header = HEADER.pack(length, REPLY, flags, 0, stream)
    return b"".join((header, WORD.pack(len(head)), head, body))


def encode_open(flags, stream, head, body, remaining_ms):
    """An OPEN: u32 remaining ms, u32 head bytes, head, body."""
    length = 8 + len(head) + len(body)
    header = HEADER.pack(length, OPEN, flags, 0, stream)
    return b"".join((header, TWO_WORDS.pack(remaining_ms, len(head)), head, body))
