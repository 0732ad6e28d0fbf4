"""One stream, opened by either side: a body each way under credit, one reply, cancel.

The reading thread and the thread that answers share a stream; the link's lock guards what both
change. Handlers are called without the lock. A handler has `on_body(chunk, end)`, `on_writable()`
and `on_failed(why)`.
"""

from collections import deque
from functools import partial

from . import frames


class Stream:
    """This side of a stream. Nothing here ever waits."""

    __slots__ = (
        "id", "handler", "closed", "_link", "_send_credit", "_receive_credit", "_ungranted",
        "_pending", "_wants_writable", "_ending", "_local_ended", "_remote_ended",
    )

    def __init__(self, link, stream_id, received, ended):
        self.id = stream_id
        self.handler = None
        self.closed = False
        self._link = link
        self._send_credit = frames.CREDIT_BYTES
        self._receive_credit = frames.CREDIT_BYTES - received
        self._ungranted = 0
        self._pending = None
        self._wants_writable = False
        self._ending = False
        self._local_ended = False
        self._remote_ended = ended

    @property
    def blocked(self):
        """True while something that was written waits for credit."""
        return bool(self._pending)

    def reply(self, head, body=b"", end=False):
        """Answers, once; what does not fit the credit follows as the peer grants it."""
        with self._link.lock:
            if not self.closed:
                self._begin(body, end, partial(frames.encode_reply, head=head))

    def send_open(self, head, body, remaining_ms, end):
        """Asks the peer, once, with the first of the body. The caller holds the lock."""
        self._begin(body, end, partial(frames.encode_open, head=head, remaining_ms=remaining_ms))

    def write(self, chunk):
        """Sends part of the body. False: keep the next part until `on_writable`."""
        with self._link.lock:
            if self.closed or self._ending:
                return False
            if len(chunk) > 0:
                self._queue(memoryview(chunk))
            return self._pump()

    def end(self):
        """Ends this side's body after what was written."""
        with self._link.lock:
            if self.closed or self._ending:
                return
            self._ending = True
            self._pump()

    def cancel(self, why):
        """Gives the stream up on both sides; the handler gets no further call."""
        with self._link.lock:
            if self.closed:
                return
            self._link.put(frames.encode(frames.CANCEL, 0, self.id, why.encode("utf-8", "replace")))
            self._close()

    def grant(self, size):
        """The consumer took `size` bytes of the received body: lets the peer send as many more."""
        with self._link.lock:
            if self.closed or self._remote_ended:
                return
            self._ungranted += size
            if self._ungranted < frames.CREDIT_BYTES // 4:
                return
            self._receive_credit += self._ungranted
            word = frames.WORD.pack(self._ungranted)
            self._link.put(frames.encode(frames.CREDIT, 0, self.id, word))
            self._ungranted = 0

    def receive(self, body, end, head=None):
        """Body bytes from the peer, with the head of its reply before them. False when it broke the
        rules of the stream.
        """
        with self._link.lock:
            if self._remote_ended:
                return False
            self._receive_credit -= len(body)
            if self._receive_credit < 0:
                return False
            self._remote_ended = end
            if end and self._local_ended:
                self._close()
        if head is None:
            self.handler.on_body(body, end)
        else:
            self.handler.on_reply(head, body, end)
        return True

    def resume(self, credit):
        """Credit from the peer. False when no peer could mean it."""
        with self._link.lock:
            self._send_credit += credit
            if self._send_credit > 1 << 40:
                return False
            if not self._wants_writable or not self._pump():
                return True
            self._wants_writable = False
            tell = not self.closed and not self._ending
        if tell:
            self.handler.on_writable()
        return True

    def fail(self, why):
        """The peer cancelled, or the link ended."""
        with self._link.lock:
            if self.closed:
                return
            self._close()
        self.handler.on_failed(why)

    def _begin(self, body, end, encode):
        """Sends a head with what fits of the body."""
        first = body if len(body) <= frames.CHUNK_BYTES else body[: frames.CHUNK_BYTES]
        last = end and len(first) == len(body)
        self._send_credit -= len(first)
        self._ending = end
        flags = frames.FLAG_END if last else 0
        self._link.put(encode(flags, self.id, body=first))
        if last:
            self._end_local()
        elif len(first) < len(body):
            self._queue(memoryview(body)[len(first) :])
            self._pump()

    def _queue(self, view):
        if self._pending is None:
            self._pending = deque()
        self._pending.append(view)

    def _pump(self):
        pending = self._pending
        while pending and self._send_credit > 0:
            chunk = pending[0]
            take = min(len(chunk), self._send_credit, frames.CHUNK_BYTES)
            if take == len(chunk):
                pending.popleft()
            else:
                pending[0] = chunk[take:]
            self._send_credit -= take
            last = self._ending and not pending
            flags = frames.FLAG_END if last else 0
            self._link.put(frames.encode(frames.DATA, flags, self.id, chunk[:take]))
            if last:
                self._end_local()
        if pending:
            self._wants_writable = True
            return False
        if self._ending and not self._local_ended:
            self._link.put(frames.encode(frames.DATA, frames.FLAG_END, self.id))
            self._end_local()
        return True

    def _end_local(self):
        self._local_ended = True
        if self._remote_ended:
            self._close()

    def _close(self):
        self.closed = True
        self._pending = None
        self._link.forget(self.id)
