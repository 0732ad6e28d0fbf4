"""Connections that code made to the runtime's loopback ports, each joined to a stream to the
gateway, which has the real one. One thread serves all of them; what the link brings for them
arrives in its inbox from whichever thread reads the link. Each direction is half-closed by itself
and takes no more than the other end takes away.
"""

import errno
import json
import os
import select
import struct
import time
from collections import deque

import _socket

from .frames import LinkParked
from .proxy_request import (
    ESTABLISHED, HEAD_BYTES_MAX, HEAD_END, not_a_proxy_request, read_proxy_request, refusal_of,
)

_READ_BYTES_MAX = 64 << 10
_LINE_WAIT_SECONDS = 5
_RESET = struct.pack("ii", 1, 0)
_UNREACHABLE = {
    "code": "UNAVAILABLE",
    "reason": "TUNNEL_UNREACHABLE",
    "message": "There is no connection: the network is there once the code is loaded and serves.",
    "hint": "Connect in the handler, or do not wait for it while the code is loaded.",
}


class Tunnels:
    """All connections of an instance. Everything runs on the thread that calls `run`."""

    def __init__(self, listeners, engine, log):
        self._listeners = {listener.socket.fileno(): listener for listener in listeners}
        self._engine = engine
        self._log = log
        self._poller = select.poll()
        self._sockets = {}
        self._masks = {}
        self._inbox = deque()
        self._waiting = deque()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._lent_fd = None

    def run(self):
        """Never returns: the process ends with its link."""
        for fd in (*self._listeners, self._wake_reader):
            self._poller.register(fd, select.POLLIN)
        self._engine.link.on_gateway = self._wake
        while True:
            for fd, events in self._poller.poll(self._wait_ms()):
                self._on_event(fd, events)
            self._take_inbox()
            self._open_waiting()

    def deliver(self, tunnel, kind, payload=b""):
        """From the thread that reads the link."""
        self._inbox.append((tunnel, kind, payload))
        self._wake()

    def ask(self, tunnel):
        """The tunnel knows what it wants: opens its stream once a gateway has the link."""
        self._waiting.append((time.monotonic() + _LINE_WAIT_SECONDS, tunnel))

    def watch(self, tunnel, mask):
        """Says what of the tunnel's socket is waited for."""
        fd = tunnel.fd
        if self._masks.get(fd, 0) == mask:
            return
        if mask:
            self._poller.register(fd, mask)
            self._masks[fd] = mask
        else:
            self._poller.unregister(fd)
            del self._masks[fd]

    def forget(self, tunnel):
        """Its socket is closed."""
        self.watch(tunnel, 0)
        self._sockets.pop(tunnel.fd, None)

    def expect(self):
        """The link is to be read from now on, whatever code does."""
        if self._lent_fd is None:
            self._lent_fd = self._engine.expect_link()
            if self._lent_fd is not None:
                self._poller.register(self._lent_fd, select.POLLIN)

    def warn(self, what, wire):
        """Tells the function's log of a connection that is not to be."""
        text = f"No connection to {what}: {wire.get('message', '')} {wire.get('hint', '')}"
        self._log.write("warn", text.strip())

    def _wake(self):
        try:
            os.write(self._wake_writer, b"!")
        except BlockingIOError:
            # It is awake already.
            pass

    def _wait_ms(self):
        if not self._waiting:
            return None
        return max(0, (self._waiting[0][0] - time.monotonic()) * 1000)

    def _on_event(self, fd, events):
        if fd == self._wake_reader:
            try:
                os.read(fd, 4096)
            except BlockingIOError:
                pass
        elif fd == self._lent_fd:
            self._engine.read_lent()
        elif fd in self._listeners:
            self._accept(self._listeners[fd])
        else:
            tunnel = self._sockets.get(fd)
            if tunnel is not None:
                tunnel.on_socket(events)

    def _accept(self, listener):
        try:
            fd, _ = listener.socket._accept()
        except OSError:
            return
        socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, fileno=fd)
        socket.setblocking(False)
        socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        tunnel = Tunnel(self, socket, listener.name)
        self._sockets[fd] = tunnel
        tunnel.start()

    def _take_inbox(self):
        while self._inbox:
            tunnel, kind, payload = self._inbox.popleft()
            getattr(tunnel, kind)(payload)

    def _open_waiting(self):
        while self._waiting:
            until, tunnel = self._waiting[0]
            is_late = time.monotonic() >= until
            if not tunnel.closed and not is_late:
                if not self._engine.link.leads_to_gateway:
                    return
                self.expect()
                try:
                    self._engine.link.open(tunnel, tunnel.head(), b"", 0, end=False)
                except LinkParked:
                    return
            self._waiting.popleft()
            if is_late:
                tunnel.refuse(_UNREACHABLE)


class Tunnel:
    """One connection; the handler of its stream."""

    takes_any_thread = True

    def __init__(self, tunnels, socket, name):
        self.fd = socket.fileno()
        self.stream = None
        self.closed = False
        self._tunnels = tunnels
        self._socket = socket
        # The target's name, or HOST:PORT once the proxy was asked.
        self._target = name
        self._is_web = name is None
        self._is_connect = False
        self._first = b""
        # What a client of the proxy has sent of its head; None once there is a stream to ask for.
        self._head = b"" if self._is_web else None
        self._opened = False
        self._out = deque()
        self._remote_ended = False
        self._local_ended = False
        self._shut = False
        self._paused = False
        self._closes_after = False

    def head(self):
        """What the gateway is asked."""
        key, op = ("a", "web") if self._is_web else ("n", "connect")
        return json.dumps({"op": op, key: self._target}).encode()

    def start(self):
        """The socket was accepted."""
        if self._head is None:
            self._tunnels.ask(self)
        else:
            self._tunnels.watch(self, select.POLLIN)

    # From the thread that reads the link.

    def on_reply(self, head, body, end):
        self._tunnels.deliver(self, "replied", (json.loads(head), body, end))

    def on_body(self, chunk, end):
        self._tunnels.deliver(self, "received", (chunk, end))

    def on_writable(self):
        self._tunnels.deliver(self, "writable")

    def on_failed(self, why):
        self._tunnels.deliver(self, "failed", why)

    # On the tunnels' own thread.

    def replied(self, reply):
        """The gateway's answer."""
        head, body, end = reply
        if self.closed:
            return
        if "e" in head:
            self.refuse(head["e"])
            return
        self._opened = True
        if self._is_connect:
            self._out.append((ESTABLISHED, False))
        if self._first:
            self._send(self._first)
        self.received((body, end))

    def received(self, part):
        """Bytes of the other side."""
        chunk, end = part
        if self.closed:
            return
        if chunk:
            self._out.append((memoryview(chunk), True))
        self._remote_ended = self._remote_ended or end
        self._flush()

    def writable(self, _):
        """The stream takes bytes again."""
        self._paused = False
        self._settle()

    def failed(self, why):
        """The stream broke off: so does the connection."""
        if not self._opened and not self.closed:
            self.refuse({"message": why, "reason": "TUNNEL_UNREACHABLE"})
        else:
            self._close(reset=True)

    def refuse(self, wire):
        """There is no connection."""
        if self.closed:
            return
        self._tunnels.warn(self._target, wire)
        if self._is_web:
            self._answer(refusal_of(wire))
        else:
            self._close(reset=True)

    def on_socket(self, events):
        """The socket takes or gives bytes."""
        if self.closed:
            return
        if events & select.POLLOUT:
            self._flush()
        if events & ~select.POLLOUT and not self.closed:
            self._read()

    def _read(self):
        try:
            chunk = self._socket.recv(_READ_BYTES_MAX)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._close(cancel="the function's connection broke off")
            return
        if self._closes_after:
            # An answer is on its way, and what the client still sends is of no use.
            if not chunk:
                self._close()
        elif self._head is not None:
            self._read_head(chunk)
        elif chunk:
            self._send(chunk)
            self._settle()
        else:
            self._local_ended = True
            self.stream.end()
            self._settle()

    def _read_head(self, chunk):
        self._head += chunk
        end = self._head.find(HEAD_END)
        if not chunk:
            self._close()
        elif end >= 0 or len(self._head) > HEAD_BYTES_MAX:
            wanted = read_proxy_request(self._head[:end]) if end >= 0 else None
            if wanted is None:
                self._answer(not_a_proxy_request())
                return
            self._target, sent = wanted
            self._is_connect = sent is None
            self._first = (sent or b"") + self._head[end + len(HEAD_END) :]
            self._head = None
            self._tunnels.watch(self, 0)
            self._tunnels.ask(self)

    def _answer(self, text):
        self._closes_after = True
        self._remote_ended = True
        self._out.append((text, False))
        self._flush()

    def _send(self, chunk):
        self._tunnels.expect()
        if not self.stream.write(chunk):
            self._paused = True

    def _flush(self):
        while self._out:
            chunk, is_granted = self._out[0]
            try:
                sent = self._socket.send(chunk)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                why = errno.errorcode.get(error.errno, "an error")
                self._close(cancel=f"the function's connection broke off: {why}")
                return
            if is_granted:
                self.stream.grant(sent)
            if sent == len(chunk):
                self._out.popleft()
            else:
                self._out[0] = (memoryview(chunk)[sent:], is_granted)
        self._settle()

    def _settle(self):
        """Looks at what is left to be done."""
        if self.closed:
            return
        if self._remote_ended and not self._out and not self._shut:
            self._shut = True
            try:
                self._socket.shutdown(_socket.SHUT_WR)
            except OSError:
                self._close(cancel="the function's connection broke off")
                return
        if self._shut and self._local_ended:
            self._close()
            return
        wants_bytes = self._closes_after or self._head is not None
        reads = wants_bytes or (self._opened and not self._local_ended and not self._paused)
        mask = (select.POLLIN if reads else 0) | (select.POLLOUT if self._out else 0)
        self._tunnels.watch(self, mask)

    def _close(self, reset=False, cancel=None):
        if self.closed:
            return
        self.closed = True
        self._tunnels.forget(self)
        if reset:
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET)
        self._socket.close()
        if cancel is not None and self.stream is not None:
            self.stream.cancel(cancel)
