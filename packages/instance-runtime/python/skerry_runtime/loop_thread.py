"""For plain functions that return an awaitable: one loop for all of them, on its own thread."""

import asyncio
import threading


class LoopThread:
    """Starts its loop when it is first needed."""

    def __init__(self):
        self._lock = threading.Lock()
        self._loop = None

    def wait_for(self, awaitable):
        """Blocks the calling thread until it is done; the context goes along."""
        return self.start(awaitable).result()

    def start(self, awaitable):
        """A future of its result; the context goes along."""

        async def whole():
            return await awaitable

        return asyncio.run_coroutine_threadsafe(whole(), self._started_loop())

    def _started_loop(self):
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                run = self._loop.run_forever
                threading.Thread(target=run, name="skerry-loop", daemon=True).start()
            return self._loop
