"""The frames of a WebSocket at the server's end, RFC 6455 section 5, as strictly as it is written:
what a client sends is masked, in the shortest spelling, without extensions, control frames small and
whole, text in UTF-8. Memory follows what has arrived and is bounded by the largest message.
"""

import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

MESSAGE_BYTES_MAX = 6 << 20
_CONTROL_BYTES_MAX = 125


class Fault(Exception):
    """The client broke a rule; `code` is what the connection is closed with (section 7.4.1)."""

    def __init__(self, code, why):
        super().__init__(why)
        self.code = code


class FrameReader:
    """Takes bytes by `push` and gives what they mean by `next`, one at a time."""

    __slots__ = ("_rest", "_at", "_frame", "_seen", "_control", "_message", "_message_opcode")

    def __init__(self):
        self._rest = b""
        self._at = 0
        # Opcode, whether it is the message's last, length and mask of the frame that is under way.
        self._frame = None
        self._seen = 0
        self._control = bytearray()
        self._message = bytearray()
        self._message_opcode = None

    def push(self, chunk):
        """More of the client's bytes; cheap when `next` has given all of those before."""
        self._rest = self._rest[self._at :] + chunk
        self._at = 0

    def next(self):
        """(TEXT, str), (BINARY, bytes), (PING, bytes) or (CLOSE, (code or None, reason)); None until
        more is pushed. Raises Fault; nothing may be asked after that, or after a CLOSE.
        """
        while self._frame is not None or self._read_header():
            opcode, is_last, length, mask = self._frame
            target = self._control if opcode >= CLOSE else self._message
            piece = self._rest[self._at : self._at + length - self._seen]
            target += _masked(piece, mask, self._seen & 3)
            self._at += len(piece)
            self._seen += len(piece)
            if self._seen < length:
                return None
            self._frame = None
            if opcode == CLOSE:
                return CLOSE, _close_of(bytes(target))
            if opcode == PING:
                return PING, bytes(target)
            if is_last and opcode != PONG:
                return self._end_message()
        return None

    def _read_header(self):
        """False while it is not whole."""
        rest, at = self._rest, self._at
        if len(rest) - at < 2:
            return False
        first, second = rest[at], rest[at + 1]
        opcode, is_last, short = first & 15, first >= 128, second & 127
        self._check(first & 0x70, opcode, is_last)
        if second < 128:
            raise Fault(1002, "a frame of a client is not masked")
        if opcode >= CLOSE and short > _CONTROL_BYTES_MAX:
            raise Fault(1002, "a control frame is too long")
        start = at + 2 + (2 if short == 126 else 8 if short == 127 else 0)
        if len(rest) < start + 4:
            return False
        length = short if short < 126 else int.from_bytes(rest[at + 2 : start], "big")
        if short >= 126 and length < (126 if short == 126 else 1 << 16):
            raise Fault(1002, "a length is not in its shortest form")
        if opcode < CLOSE and length > MESSAGE_BYTES_MAX - len(self._message):
            raise Fault(1009, f"a message is larger than {MESSAGE_BYTES_MAX} bytes")
        if opcode >= CLOSE:
            self._control = bytearray()
        elif opcode != CONTINUATION:
            self._message_opcode = opcode
        self._frame = (opcode, is_last, length, rest[start : start + 4])
        self._seen = 0
        self._at = start + 4
        return True

    def _check(self, reserved, opcode, is_last):
        if reserved:
            raise Fault(1002, "a reserved bit is set")
        if opcode > PONG or BINARY < opcode < CLOSE:
            raise Fault(1002, "an opcode is reserved")
        if opcode >= CLOSE:
            if not is_last:
                raise Fault(1002, "a control frame is in parts")
        elif opcode == CONTINUATION:
            if self._message_opcode is None:
                raise Fault(1002, "nothing is to be continued")
        elif self._message_opcode is not None:
            raise Fault(1002, "a message is not at its end")

    def _end_message(self):
        opcode, message = self._message_opcode, self._message
        self._message_opcode, self._message = None, bytearray()
        if opcode == BINARY:
            return BINARY, bytes(message)
        return TEXT, _text_of(message, "a text")


def frame_of(opcode, payload):
    """A server's frame: whole and not masked."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x80 | opcode, length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, length)
    return b"".join((head, payload))


def close_payload(code, reason):
    """What stands in a Close; empty without a code. Raises ValueError for what may not stand there."""
    if code is None:
        return b""
    if not isinstance(code, int) or not _is_close_code(code):
        raise ValueError(f"{code!r:.100} is no close code.")
    text = reason.encode()
    if len(text) > _CONTROL_BYTES_MAX - 2:
        raise ValueError(f"The reason is longer than {_CONTROL_BYTES_MAX - 2} bytes.")
    return struct.pack("!H", code) + text


def _close_of(payload):
    if not payload:
        return None, ""
    if len(payload) == 1:
        raise Fault(1002, "a close code has one byte")
    code = int.from_bytes(payload[:2], "big")
    if not _is_close_code(code):
        raise Fault(1002, f"{code} is no close code")
    return code, _text_of(payload[2:], "a close reason")


def _is_close_code(code):
    """Section 7.4 and IANA's register."""
    return 3000 <= code <= 4999 or 1000 <= code <= 1003 or 1007 <= code <= 1014


def _text_of(payload, what):
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault(1007, f"{what} is not UTF-8") from None


def _masked(piece, mask, phase):
    """`phase` is where in its mask the piece begins. As one large number: a loop over bytes would
    take a thousand times as long.
    """
    size = len(piece)
    turned = ((mask[phase:] + mask[:phase]) * (size // 4 + 1))[:size]
    number = int.from_bytes(piece, "little") ^ int.from_bytes(turned, "little")
    return number.to_bytes(size, "little")
