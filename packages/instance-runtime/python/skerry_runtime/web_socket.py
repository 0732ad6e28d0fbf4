"""One WebSocket of an application, from its 101 on: messages both ways under the link's credit, pings
answered, and the handshake that closes it. It takes the place of its request's body, on the loop.

What the client sends is read while little of it waits for the application, and the application's
sends wait for the client, so neither can fill the instance.
"""

import asyncio
from collections import deque

from .web_socket_frames import (
    BINARY, CLOSE, PING, PONG, TEXT, Fault, FrameReader, close_payload, frame_of,
)

# How long the client may take to answer a Close, and to end its side after it.
_CLOSE_WAIT_SECONDS = 5
# While so much waits for the application, nothing more is read. A message counts a little more than
# it has, so that many empty ones are no way around it.
_QUEUE_BYTES_MAX = 256 << 10
_MESSAGE_BYTES = 64
_NO_STATUS = 1005
_ABNORMAL = 1006


class Gone(ConnectionResetError):
    """Nothing can be sent on this WebSocket any more. ASGI wants an OSError for that."""


class WebSocket:
    """`over` is None, or the code and reason that its end is told with once what came is taken."""

    def __init__(self, call, warn):
        self.over = None
        self._call = call
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader()
        # What arrived and was not read.
        self._chunks = deque()
        self._messages = deque()
        self._queued = 0
        self._has_client_ended = False
        # The client's frames mean nothing any more: it closed, or broke a rule.
        self._is_deaf = False
        self._close_sent = False
        self._failure = None
        self._wait = None
        # Payload of the newest ping that has no answer yet, and the task that gives it.
        self._pong = None
        self._pong_task = None

    @property
    def is_closing(self):
        """True when nothing more can be sent."""
        return self._close_sent or self.over is not None

    async def next(self):
        """The next message, `str` or `bytes`; None when it is over."""
        await self._call.gate.wait(lambda: self._messages or self.over is not None)
        if not self._messages:
            return None
        message = self._messages.popleft()
        self._queued -= len(message) + _MESSAGE_BYTES
        self._read()
        return message

    async def send(self, message):
        """Sends `str` or `bytes`; returns when the client takes more. Raises Gone."""
        if self.is_closing:
            raise Gone("The WebSocket is closed.")
        is_text = isinstance(message, str)
        self._write(TEXT if is_text else BINARY, message.encode() if is_text else message)
        await self._call.gate.wait_writable(self._call)

    def close(self, code, reason=""):
        """Begins to close, behind what was sent. What came and was not taken is dropped. Raises
        Gone, or ValueError for a code or reason that may not be sent.
        """
        if self.is_closing:
            raise Gone("The WebSocket is closed.")
        self._say_close(close_payload(code, reason), takes_first=True)
        self._messages.clear()
        self._queued = 0
        self._read()

    def fail(self, why=None):
        """The peer gave it up; or, with `why`, the application failed: its client is told 1011, and
        the gateway that it failed.
        """
        if why is None:
            self._end(_ABNORMAL, self._call.aborted)
        elif not self.is_closing:
            self._failure = why
            self.close(1011)

    def push(self, chunk, end):
        """The client's bytes."""
        self._has_client_ended = self._has_client_ended or end
        if chunk:
            self._chunks.append(chunk)
        self._read()
        if self._call.stream.closed:
            self._stop_waiting()
        self._call.gate.notify()

    def discard(self):
        """Its frames mean nothing any more."""
        self._is_deaf = True

    def _read(self):
        try:
            while self._queued < _QUEUE_BYTES_MAX and not self._is_deaf:
                frame = self._reader.next()
                if frame is not None:
                    self._take(*frame)
                elif self._chunks:
                    self._reader.push(self._next_chunk())
                else:
                    break
        except Fault as fault:
            self._warn(f"The WebSocket was closed with {fault.code}: {fault}.")
            if not self._close_sent:
                self._say_close(close_payload(fault.code, str(fault)))
            self._end(_ABNORMAL, str(fault))
        while self._is_deaf and self._chunks:
            self._next_chunk()
        if self._has_client_ended and not self._chunks and not self._is_deaf:
            # It ended without a Close.
            self._end(_ABNORMAL, "")

    def _next_chunk(self):
        chunk = self._chunks.popleft()
        self._call.stream.grant(len(chunk))
        return chunk

    def _take(self, opcode, payload):
        if opcode == CLOSE:
            code, reason = payload
            if not self._close_sent:
                self._say_close(close_payload(code, ""))
            self._end(code or _NO_STATUS, reason)
        elif opcode == PING:
            self._answer_ping(payload)
        elif not self._close_sent:
            self._messages.append(payload)
            self._queued += len(payload) + _MESSAGE_BYTES

    def _answer_ping(self, payload):
        """The newest only, of those that come while the client takes nothing."""
        waits = self._pong is not None
        self._pong = payload
        if not self._call.stream.blocked:
            self._send_pong()
        elif not waits:
            self._pong_task = self._loop.create_task(self._send_pong_later())

    async def _send_pong_later(self):
        await self._call.gate.wait_writable(self._call)
        self._send_pong()

    def _send_pong(self):
        payload, self._pong = self._pong, None
        if not self._close_sent and payload is not None:
            self._write(PONG, payload)

    def _write(self, opcode, payload):
        self._call.stream.write(frame_of(opcode, payload))

    def _say_close(self, payload, takes_first=False):
        self._close_sent = True
        self._write(CLOSE, payload)
        self._wait = self._loop.create_task(self._await_client(takes_first))

    async def _await_client(self, takes_first):
        """A client that neither closed nor broke a rule may first take, at its pace, what was sent."""
        if takes_first:
            await self._call.gate.wait_writable(self._call)
        await asyncio.sleep(_CLOSE_WAIT_SECONDS)
        self._give_up()

    def _end(self, code, reason):
        """No more comes of the client that the application should know of."""
        self.discard()
        if self.over is None:
            self.over = (code, reason)
        if self._failure is not None:
            self._call.abandon(self._failure)
        else:
            self._call.end()
        if self._call.stream.closed:
            self._stop_waiting()
        self._call.gate.notify()

    def _give_up(self):
        """The client does not do its part: no fault of an application that has said all it had to."""
        if not self._call.stream.closed:
            if self._failure is None:
                self._call.stream.end()
            self._call.abandon(self._failure or "the client does not close the WebSocket")
        self._end(_ABNORMAL, "")

    def _stop_waiting(self):
        if self._wait is not None:
            self._wait.cancel()
