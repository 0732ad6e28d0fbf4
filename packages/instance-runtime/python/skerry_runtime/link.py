"""The acceptor's end of a link: handshake, parking, streams that either side opens.

It is fed with what was read and writes by itself; who reads, and on which thread, is not its
matter. A peer that breaks a rule gets `LinkBroken` raised at the feeder, who ends the process.
Frames for streams that just ended here are expected and skipped.
"""

import json
import threading

from . import frames
from .frames import LinkBroken, LinkParked
from .stream import Stream


class Link:
    """`accept(stream, head, remaining_ms, body, end)` returns the handler of a new stream."""

    def __init__(self, send, facts, accept):
        self.lock = threading.Lock()
        self.sender = send
        self._accept = accept
        self._hello = json.dumps(
            {**facts, "linkVersionMin": frames.VERSION_MIN, "linkVersionMax": frames.VERSION_MAX}
        ).encode()
        self._decoder = frames.Decoder()
        self._streams = {}
        self._highest_peer_id = 0
        self._next_id = 2
        self._greeted = False
        self._parked = False
        self._is_gateway = False
        # Called, on the reading thread, when a gateway has taken the link.
        self.on_gateway = None

    @property
    def leads_to_gateway(self):
        """True while streams that this side opens are taken."""
        return self._is_gateway and not self._parked

    def put(self, frame):
        """Sends one encoded frame. The caller holds the lock."""
        self.sender(frame)

    def use(self, send):
        """Sends through another function from now on."""
        with self.lock:
            self.sender = send

    def forget(self, stream_id):
        """A stream closed. The caller holds the lock."""
        self._streams.pop(stream_id, None)

    def open(self, handler, head, body, remaining_ms, end=True):
        """Opens a stream as `handler.stream`; `handler.on_reply(head, body, end)` has the answer.
        Unless it ends with `body`, `write` and `end` go on.

        Raises LinkParked.
        """
        with self.lock:
            if self._parked:
                raise LinkParked("no gateway holds the link")
            # The number and the frame under one lock: the peer wants them in order.
            stream = Stream(self, self._next_id, 0, False)
            self._next_id += 2
            stream.handler = handler
            handler.stream = stream
            self._streams[stream.id] = stream
            stream.send_open(head, body, remaining_ms, end)

    def feed(self, chunk):
        """Takes what was read from the peer."""
        for frame in self._decoder.push(chunk):
            self.take(*frame)

    def split(self, chunk):
        """The whole frames that what was read completes; `take` has them."""
        return self._decoder.push(chunk)

    def has_tunnel(self, stream_id):
        """True for a stream whose handler takes frames on any thread."""
        stream = self._streams.get(stream_id)
        return stream is not None and getattr(stream.handler, "takes_any_thread", False)

    def handlers(self):
        """Of the streams that are open now."""
        return [stream.handler for stream in list(self._streams.values())]

    def fail_streams(self, why):
        """The link is over: every open stream learns it."""
        for stream in list(self._streams.values()):
            stream.fail(why)

    def take(self, kind, flags, stream_id, payload):
        """Takes one frame of the peer."""
        if kind == frames.HELLO:
            self._on_hello(payload)
        elif not self._greeted:
            raise LinkBroken("a frame before HELLO")
        elif kind == frames.OPEN:
            self._on_open(flags, stream_id, payload)
        elif kind in (frames.REPLY, frames.DATA, frames.CREDIT, frames.CANCEL):
            self._on_stream_frame(kind, flags, stream_id, payload)
        elif kind == frames.PING:
            with self.lock:
                self.put(frames.encode(frames.PONG, 0, 0))
        elif kind == frames.PARK:
            self._on_park()
        elif kind not in (frames.PONG, frames.NOTE):
            raise LinkBroken(f"a frame of type {kind}")

    def _on_open(self, flags, stream_id, payload):
        if stream_id % 2 == 0 or stream_id <= self._highest_peer_id:
            raise LinkBroken("a stream that may not be opened")
        if len(payload) < 8:
            raise LinkBroken("an OPEN with a wrong head")
        remaining, head_bytes = frames.TWO_WORDS.unpack_from(payload)
        head_end = 8 + head_bytes
        if head_end > len(payload) or head_bytes > frames.HEAD_BYTES_MAX:
            raise LinkBroken("an OPEN with a wrong head")
        if len(self._streams) >= frames.STREAMS_MAX:
            raise LinkBroken("more streams than the limit")
        self._highest_peer_id = stream_id
        body = payload[head_end:]
        end = flags & frames.FLAG_END != 0
        stream = Stream(self, stream_id, len(body), end)
        self._streams[stream_id] = stream
        stream.handler = IGNORING
        self._accept(stream, payload[8:head_end], remaining or None, body, end)

    def _on_stream_frame(self, kind, flags, stream_id, payload):
        stream = self._streams.get(stream_id)
        if stream is None:
            own = stream_id % 2 == 0
            if stream_id >= self._next_id if own else stream_id > self._highest_peer_id:
                raise LinkBroken("a frame for a stream never opened")
            return
        if kind == frames.DATA:
            kept = stream.receive(payload, flags & frames.FLAG_END != 0)
        elif kind == frames.REPLY:
            kept = _receive_reply(stream, flags, payload)
        elif kind == frames.CREDIT:
            kept = len(payload) == 4 and stream.resume(frames.WORD.unpack(payload)[0])
        else:
            stream.fail(payload[:1024].decode("utf-8", "replace"))
            kept = True
        if not kept:
            raise LinkBroken(f"a broken rule of stream {stream_id}")

    def _on_hello(self, payload):
        if self._greeted and not self._parked:
            raise LinkBroken("a second HELLO")
        with self.lock:
            self.put(frames.encode(frames.HELLO, 0, 0, self._hello))
            self._parked = False
            self._highest_peer_id = 0
            self._next_id = 2
        low, high, caller = _read_hello(payload)
        if min(high, frames.VERSION_MAX) < max(low, frames.VERSION_MIN):
            raise LinkBroken("no version that both sides speak")
        self._greeted = True
        self._is_gateway = caller in ("gateway", "builder")
        if self._is_gateway and self.on_gateway is not None:
            self.on_gateway()

    def _on_park(self):
        # The lock: an answer that has just left closes its stream before it lets go.
        with self.lock:
            if self._parked or self._streams:
                raise LinkBroken("a PARK at the wrong time")
            self.put(frames.encode(frames.PARKED, 0, 0))
            self._parked = True


def _receive_reply(stream, flags, payload):
    if stream.id % 2 == 1 or len(payload) < 4:
        return False
    head_end = 4 + frames.WORD.unpack_from(payload)[0]
    if head_end > len(payload) or head_end - 4 > frames.HEAD_BYTES_MAX:
        return False
    return stream.receive(payload[head_end:], flags & frames.FLAG_END != 0, payload[4:head_end])


class _Ignoring:
    """Takes no notice of anything, for a stream on which nothing more is expected."""

    def on_body(self, chunk, end):
        """Not granted, so a peer cannot send more than its first credit."""

    def on_writable(self):
        """Nothing waits."""

    def on_failed(self, why):
        """Nobody minds."""


IGNORING = _Ignoring()


def _read_hello(payload):
    try:
        hello = json.loads(payload)
        low, high = hello["linkVersionMin"], hello["linkVersionMax"]
        caller = hello.get("caller")
    except (ValueError, KeyError, TypeError):
        raise LinkBroken("a HELLO that cannot be read") from None
    if not isinstance(low, int) or not isinstance(high, int):
        raise LinkBroken("a HELLO that cannot be read")
    return low, high, caller
