"""Runs coroutine functions and ASGI applications on one event loop, on the main thread, which reads
the link too. What a turn of the loop produces leaves in one write.
"""

import asyncio
import os
import threading

from .frames import LinkBroken
from .output import CURRENT_CALL

_READ_BYTES_MAX = 64 << 10


class LoopEngine:
    """`on_end(why=None)` is called when the link is over."""

    def __init__(self, link_fd, on_end, streams_of_text):
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self._link_fd = link_fd
        self._link = None
        self._send_now = None
        self._on_end = on_end
        self._streams_of_text = streams_of_text
        self._tasks = set()
        self._out = []
        self._thread = threading.get_ident()
        # Held while the link is read.
        self._reading = threading.Lock()
        self._is_lent = False

    def run(self, link):
        """Serves until the process ends."""
        self._send_now = link.sender
        link.use(self._send)
        self.loop.add_reader(self._link_fd, self._read)
        self._link = link
        self.loop.run_forever()

    def lend(self):
        """Lets the calling thread read the link from now on, also while code blocks the loop. False
        before the loop runs.
        """
        link = self._link
        if link is None:
            return False
        with self._reading:
            self._is_lent = True
        with link.lock:
            self._flush_locked()
            link.sender = self._send_now
        return True

    def read_lent(self):
        """What is for connections of the code is dealt with here, all else on the loop."""
        chunk = os.read(self._link_fd, _READ_BYTES_MAX)
        if not chunk:
            self._on_end()
        link = self._link
        try:
            for frame in link.split(chunk):
                if link.has_tunnel(frame[2]):
                    link.take(*frame)
                else:
                    self.loop.call_soon_threadsafe(self._take, frame)
        except LinkBroken as broken:
            self._on_end(broken)

    def _read(self):
        with self._reading:
            if self._is_lent:
                self.loop.remove_reader(self._link_fd)
                return
            chunk = os.read(self._link_fd, _READ_BYTES_MAX)
            if not chunk:
                self._on_end()
            try:
                self._link.feed(chunk)
            except LinkBroken as broken:
                self._on_end(broken)

    def _take(self, frame):
        try:
            self._link.take(*frame)
        except LinkBroken as broken:
            self._on_end(broken)

    def submit(self, runner, call, body):
        """A request to run."""
        token = CURRENT_CALL.set(call)
        task = self.loop.create_task(self._execute(runner, call, body))
        CURRENT_CALL.reset(token)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def submit_hook(self, hook, done, _wait_for):
        """Runs a hook of the code on the loop."""
        self._tasks.add(self.loop.create_task(_run_hook(hook, done)))

    def gate(self):
        """What a request waits with."""
        return LoopGate(self.loop)

    async def _execute(self, runner, call, body):
        if not call.gone:
            await runner.run_async(call, body)
        for stream in self._streams_of_text:
            stream.flush_owner(call.id)

    def _send(self, frame):
        if threading.get_ident() != self._thread:
            self._flush_locked()
            self._send_now(frame)
            return
        self._out.append(frame)
        if len(self._out) == 1:
            self.loop.call_soon(self._flush)

    def _flush(self):
        with self._link.lock:
            self._flush_locked()

    def _flush_locked(self):
        frames, self._out = self._out, []
        if frames:
            self._send_now(b"".join(frames))


async def _run_hook(hook, done):
    try:
        result = hook()
        if hasattr(result, "__await__"):
            await result
    except BaseException as error:
        done(error)
    else:
        done()


class LoopGate:
    """Lets coroutines wait for a change of one request."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop):
        self._loop = loop
        self._waiting = ()

    async def wait(self, ready):
        """Returns when `ready()`."""
        while not ready():
            future = self._loop.create_future()
            self._waiting = (*self._waiting, future)
            try:
                await future
            except asyncio.CancelledError:
                # Whoever asks with a time limit, again and again, would leave one each time.
                self._waiting = tuple(one for one in self._waiting if one is not future)
                raise

    async def wait_writable(self, call):
        """Returns when what was written has left."""
        if call.stream.blocked:
            await self.wait(lambda: not call.stream.blocked)

    def notify(self):
        """Something changed."""
        waiting, self._waiting = self._waiting, ()
        for future in waiting:
            if not future.done():
                future.set_result(None)
