"""One request inside the instance: the stream it came on, its body, its cancel and its answer.

It is also what the context variable carries, so that a log entry finds its request. An answer is
given at most once; what comes after is ignored. The peer's side arrives on the reading thread, the
answer may come from another one.
"""

import json
import time
from collections import deque

from .user_error import without_secrets

ERROR_TEXT_BYTES_MAX = 8 << 10

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Call:
    """The handler of one stream. `gate` wakes whoever waits for a change of it."""

    __slots__ = (
        "head", "id", "stream", "gate", "body", "remaining_ms", "aborted", "answered",
        "over", "open_calls", "stop_reason", "reports", "_started", "_watchers",
    )

    def __init__(self, stream, head, remaining_ms):
        self._started = time.monotonic()
        self.head = head
        self.id = head["id"]
        self.stream = stream
        self.remaining_ms = remaining_ms
        self.body = None
        self.gate = None
        # Why the caller gave up; None while it has not.
        self.aborted = None
        # Why it is to end by itself; None while nobody wants it to. Its answer is still taken.
        self.stop_reason = None
        # What the handler reported; the last of it goes before the answer.
        self.reports = None
        self.answered = False
        # True before the last of the answer leaves: the caller's next request may come at once.
        self.over = False
        # A set that this call leaves when it is over.
        self.open_calls = None
        self._watchers = None

    @property
    def gone(self):
        """True when no answer would reach anybody."""
        return self.stream.closed

    def answer(self, status, headers, body):
        """Sends a whole answer."""
        self._leave()
        self._reply(self._head_text(status, headers), body, True)
        self.body.discard()

    def begin(self, status, headers, body):
        """Sends the head and the first of the body; `write` and `end` go on."""
        self._reply(f'{self._head_text(status, headers)[:-1]},"st":true}}', body, False)

    def switch(self, headers):
        """Agrees to leave HTTP: from here on the bodies are the bytes of the caller's connection."""
        self._reply(self._head_text(101, headers), b"", False)

    def failed(self, kind, name, message):
        """Tells the gateway that the function failed; there is no body."""
        self._leave()
        error = {"kind": kind, "name": _cut(name), "message": _cut(without_secrets(message))}
        head = f'{{"s":502,"h":[],"t":{self._elapsed_us()},"e":{_encode(error)}}}'
        self._reply(head, b"", True)
        self.body.discard()

    def end(self):
        """The body that `begin` began is whole."""
        self._leave()
        self.stream.end()
        self.body.discard()

    def abandon(self, why):
        """Gives up in the middle of a body: the gateway then resets its client's connection."""
        self._leave()
        self.stream.cancel(_cut(why))

    @property
    def why_to_end(self):
        """Why nobody waits, or it is to end by itself; None while neither is so."""
        return self.aborted or self.stop_reason

    def when_to_end(self, run):
        """Calls `run` when the caller gives up or wants it to end, once or more; at once when it
        has.
        """
        if self.why_to_end is None:
            self._watchers = (*(self._watchers or ()), run)
            if self.why_to_end is None:
                return
        run()

    def forget_watcher(self, run):
        """`run` of `when_to_end` is not to be called any more."""
        self._watchers = tuple(one for one in self._watchers or () if one is not run)

    def ask_to_end(self):
        """The platform wants it to end by itself."""
        self.stop_reason = "The invocation was cancelled."
        for run in self._watchers or ():
            run()

    def on_body(self, chunk, end):
        self.body.push(chunk, end)

    def on_writable(self):
        self._notify()

    def on_failed(self, why):
        self.aborted = f"The caller gave the request up: {why}."
        self._leave()
        self.body.fail()
        for run in self._watchers or ():
            run()
        self._notify()

    def _leave(self):
        self.over = True
        if self.open_calls is not None:
            self.open_calls.discard(self)

    def _notify(self):
        if self.gate is not None:
            self.gate.notify()

    def _reply(self, head, body, end):
        if self.answered or self.stream.closed:
            return
        self.answered = True
        if self.reports is not None:
            self.reports.flush()
        self.stream.reply(head.encode(), body, end)

    def _head_text(self, status, headers):
        return f'{{"s":{status},"h":{_encode(headers)},"t":{self._elapsed_us()}}}'

    def _elapsed_us(self):
        return round((time.monotonic() - self._started) * 1e6)


class WholeBody:
    """Gathers a body of at most `bytes_max`, then calls `done(body)`, or `done(None)` past it."""

    __slots__ = ("_stream", "_bytes_max", "_done", "_chunks", "_size")

    def __init__(self, stream, bytes_max, done):
        self._stream = stream
        self._bytes_max = bytes_max
        self._done = done
        self._chunks = []
        self._size = 0

    def push(self, chunk, end):
        """The reading thread brings the next part."""
        done = self._done
        if done is _ignore:
            self._stream.grant(len(chunk))
            return
        self._size += len(chunk)
        if self._size > self._bytes_max:
            self.discard()
            done(None)
            return
        self._chunks.append(chunk)
        if end:
            self._done = _ignore
            done(self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks))
        else:
            self._stream.grant(len(chunk))

    def fail(self):
        """The caller left: nobody is called."""
        self.discard()

    def discard(self):
        """Lets the rest pass unread."""
        self._done = _ignore
        self._chunks = []


def _ignore(_body):
    """Takes the place of who waited for the body."""


class NoBody:
    """The rest of a body that had arrived with its request."""

    def push(self, chunk, end):
        """Nothing follows."""

    def fail(self):
        """Nothing is waited for."""

    def discard(self):
        """Nothing is held."""


NO_BODY = NoBody()


class StreamedBody:
    """A body that is taken while it arrives; the caller sends more only as it is taken."""

    __slots__ = ("ended", "cut", "_call", "_chunks", "_discarding")

    def __init__(self, call, first, ended):
        self.ended = ended
        # Bytes were thrown away: what follows is not the body any more.
        self.cut = False
        self._call = call
        self._chunks = deque((first,) if first else ())
        self._discarding = False

    @property
    def ready(self):
        """True when `take` has something to give, bytes or the end, or never will."""
        return bool(self._chunks) or self.ended or self.cut

    @property
    def exhausted(self):
        """True when `take` gave the last part."""
        return self.ended and not self._chunks

    @property
    def whole_bytes(self):
        """The body's length when all of it is here; None otherwise."""
        return sum(map(len, self._chunks)) if self.ended else None

    def take(self):
        """The next part; empty at the end."""
        if not self._chunks:
            return b""
        chunk = self._chunks.popleft()
        self._call.stream.grant(len(chunk))
        return chunk

    def push(self, chunk, end):
        """The reading thread brings the next part."""
        if self._discarding:
            self.cut = self.cut or len(chunk) > 0
            self._call.stream.grant(len(chunk))
        elif chunk:
            self._chunks.append(chunk)
        if end:
            self.ended = True
        self._call.gate.notify()

    def fail(self):
        """The caller left: nothing more comes."""
        self.ended = True

    def discard(self):
        """Lets the rest pass unread."""
        self._discarding = True
        while self._chunks:
            self.cut = True
            self.take()
        self._call.gate.notify()


def _cut(text):
    if len(text) * 4 <= ERROR_TEXT_BYTES_MAX:
        return text
    whole = text.encode("utf-8", "replace")
    if len(whole) <= ERROR_TEXT_BYTES_MAX:
        return text
    return whole[: ERROR_TEXT_BYTES_MAX - 8].decode("utf-8", "ignore") + "…"
