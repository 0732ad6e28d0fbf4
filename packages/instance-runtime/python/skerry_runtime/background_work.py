"""`wait_until`: work of a request that goes on after its answer. One stream to the gateway, open while
any of it runs, keeps the instance awake and the request's slot taken; a request that leaves no work
opens none. What fails is logged under the request, and told to the gateway, which counts it.
"""

import contextvars
import json
import threading

from .frames import LinkParked


class BackgroundWork:
    """All work of one request. `start_coroutine` runs one where no loop runs."""

    def __init__(self, link, start_coroutine, failures, request_id):
        self.stream = None
        self._link = link
        self._start_coroutine = start_coroutine
        self._failures = failures
        self._request_id = request_id
        self._lock = threading.Lock()
        self._running = 0
        self._has_failed = False
        self._is_open = False

    def add(self, work):
        """An awaitable, a `concurrent.futures.Future`, a thread, or a function to run on one."""
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._open()
        try:
            self._start(work)
        except BaseException:
            self._done(None)
            raise

    def on_reply(self, head, body, end):
        """Only a refusal is answered."""
        if "e" in json.loads(head):
            self._is_open = False
            why = "the request had its answer already"
            self._say("warn", f"Nothing waits for work that is left now: {why}. It may be cut off.")

    def on_body(self, chunk, end):
        """Nothing comes."""

    def on_writable(self):
        """Nothing is written."""

    def on_failed(self, why):
        """The gateway gave it up."""
        if self._is_open:
            self._is_open = False
            text = "Work after the answer takes too long; nothing waits for it any more."
            self._say("warn", text)

    def _open(self):
        self._has_failed = False
        head = json.dumps({"op": "background", "r": self._request_id}).encode()
        try:
            self._is_open = True
            self._link.open(self, head, b"", 0, end=False)
        except LinkParked:
            self._is_open = False
            self._say("warn", "No gateway waits for work after the answer; it may be cut off.")

    def _start(self, work):
        if isinstance(work, threading.Thread):
            _start_thread(lambda: self._run(work.join))
        elif hasattr(work, "__await__"):
            self._start_awaitable(work)
        elif hasattr(work, "add_done_callback"):
            work.add_done_callback(self._future_done)
        elif callable(work):
            _start_thread(lambda: self._run(work))
        else:
            kind = type(work).__name__
            raise TypeError(f"wait_until takes an awaitable, a future, a thread or a function, not {kind}")

    def _start_awaitable(self, work):
        import asyncio

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._start_coroutine(work).add_done_callback(self._future_done)
        else:
            asyncio.ensure_future(work).add_done_callback(self._future_done)

    def _future_done(self, future):
        self._done(None if future.cancelled() else future.exception())

    def _run(self, work):
        try:
            work()
        except BaseException as error:
            self._done(error)
        else:
            self._done(None)

    def _done(self, error):
        if error is not None:
            text = self._failures.text_of(error)
            self._say("error", f"Work after the answer failed: {text}")
        with self._lock:
            self._has_failed = self._has_failed or error is not None
            self._running -= 1
            if self._running > 0 or not self._is_open:
                return
            self._is_open = False
        if self._has_failed:
            self.stream.cancel("work failed")
        else:
            self.stream.end()

    def _say(self, level, text):
        self._failures.log.write(level, text, self._request_id)


def _start_thread(work):
    inside = contextvars.copy_context()
    thread = threading.Thread(target=inside.run, args=(work,), name="skerry-work", daemon=True)
    thread.start()
