"""Runs coroutine functions and ASGI applications on one event loop, on the main thread, which reads
the link too. What a turn of the loop produces leaves in one write.
"""

import asyncio
import os

from .frames import LinkBroken
from .output import CURRENT_CALL

_READ_BYTES_MAX = 64 << 10


class LoopEngine:
    """`on_end(why=None)` is called when the link is over."""

    def __init__(self, link_fd, on_end, streams_of_text):
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self._link_fd = link_fd
        self._send_now = None
        self._on_end = on_end
        self._streams_of_text = streams_of_text
        self._tasks = set()
        self._out = []

    def run(self, link):
        """Serves until the process ends."""

        def read():
            chunk = os.read(self._link_fd, _READ_BYTES_MAX)
            if not chunk:
                self._on_end()
            try:
                link.feed(chunk)
            except LinkBroken as broken:
                self._on_end(broken)

        self._send_now = link.sender
        link.use(self._send)
        self.loop.add_reader(self._link_fd, read)
        self.loop.run_forever()

    def submit(self, runner, call, body):
        """A request to run."""
        token = CURRENT_CALL.set(call)
        task = self.loop.create_task(self._execute(runner, call, body))
        CURRENT_CALL.reset(token)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def gate(self):
        """What a request waits with."""
        return LoopGate(self.loop)

    async def _execute(self, runner, call, body):
        if not call.gone:
            await runner.run_async(call, body)
        for stream in self._streams_of_text:
            stream.flush_owner(call.id)

    def _send(self, frame):
        self._out.append(frame)
        if len(self._out) == 1:
            self.loop.call_soon(self._flush)

    def _flush(self):
        frames, self._out = self._out, []
        self._send_now(b"".join(frames))


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
            await future

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
