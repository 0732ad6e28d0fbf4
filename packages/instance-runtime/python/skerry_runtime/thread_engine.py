"""Runs plain functions and WSGI applications, and decides which thread reads the link.

One thread at a time has the reading role. The main thread reads and runs requests itself, one after
the other, so that a quick answer costs no change of threads and user code of one request at a time
stays on one thread. When one takes longer than a tick, or waits for the link, the follower takes
the role over until the main thread is back: credit and cancel go on, and requests that wait or come
get threads of their own.
"""

import os
import queue
import select
import threading
from collections import deque
from contextvars import copy_context
from functools import partial

from .frames import LinkBroken
from .output import CURRENT_CALL

_READ_BYTES_MAX = 64 << 10
_TICK_SECONDS = 0.005
# How long the next request waits for the main thread once that has answered.
_GRACE_MS = 50
_WORKER_IDLE_SECONDS = 30


class ThreadEngine:
    """`on_end(why=None)` is called when the link is over, whichever thread finds out."""

    def __init__(self, link_fd, feed, on_end, streams_of_text):
        self._link_fd = link_fd
        self._feed = feed
        self._on_end = on_end
        self._streams_of_text = streams_of_text
        self._role = threading.Lock()
        # (job, call) each; call is None for the start. Only for the thread with the reading role.
        self._ready = deque()
        # Calls on threads of their own that are not over.
        self._handed_out = set()
        # What the main thread runs, or ran last.
        self._current = None
        self._workers = Workers()
        self._turn = 0
        self._busy = False
        self._watched = False
        self._kicks = queue.SimpleQueue()
        self._wake_reader, self._wake_writer = os.pipe()
        # Context variables that the code set while it was loaded.
        self._context = copy_context()
        self._follower_started = False

    def run(self, until):
        """Reads and runs on the calling thread until `until()`, looked at between turns."""
        with self._role:
            while not until():
                self._take(os.read(self._link_fd, _READ_BYTES_MAX))
                while self._ready:
                    if self._handed_out:
                        self._hand_out()
                    else:
                        self._run_here(*self._ready.popleft())

    def submit(self, runner, call, body):
        """A request to run. On the thread with the reading role."""
        job = partial(self._context.copy().run, self._execute, runner, call, body)
        self._ready.append((job, call))

    def submit_start(self, job):
        """Runs on the main thread, once, before there are requests."""
        self._ready.append((job, None))

    def submit_hook(self, hook, done, wait_for):
        """Runs a hook of the code on the main thread."""

        def job():
            try:
                result = hook()
                if hasattr(result, "__await__"):
                    wait_for(result)
            except BaseException as error:
                done(error)
            else:
                done()

        self._ready.append((job, None))

    def started(self):
        """The code is loaded."""
        self._context = copy_context()

    def gate(self):
        """What a request waits with."""
        return ThreadGate(self.kick)

    def kick(self):
        """The calling thread is about to wait for the link: somebody else has to read it."""
        if self._busy:
            self._kicks.put(True)

    def _execute(self, runner, call, body):
        CURRENT_CALL.set(call)
        if not call.gone:
            runner.run(call, body)
        for stream in self._streams_of_text:
            stream.flush_owner(call.id)

    def _run_here(self, job, call):
        if not self._follower_started:
            self._follower_started = True
            threading.Thread(target=self._follow, name="skerry-link", daemon=True).start()
        self._turn += 1
        self._current = call
        self._busy = True
        if not self._watched:
            self._watched = True
            self._kicks.put(False)
        self._role.release()
        try:
            job()
        finally:
            self._busy = False
            if not self._role.acquire(False):
                os.write(self._wake_writer, b"!")
                self._role.acquire()

    def _hand_out(self):
        while self._ready:
            job, call = self._ready.popleft()
            if call is not None:
                call.open_calls = self._handed_out
                self._handed_out.add(call)
            self._workers.submit(job)

    def _follow(self):
        """Sleeps while nothing runs; ticks while something does."""
        while True:
            urgent = self._kicks.get()
            turn = None
            while True:
                if self._busy and (urgent or turn == self._turn):
                    self._read_for_main()
                elif turn == self._turn:
                    break
                turn = self._turn
                urgent = self._wait_for_kick()
            self._watched = False
            if self._busy:
                # It began between the last look and the line above.
                self._watched = True
                self._kicks.put(False)

    def _wait_for_kick(self):
        try:
            return self._kicks.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            return False

    def _read_for_main(self):
        poller = select.poll()
        poller.register(self._link_fd, select.POLLIN)
        poller.register(self._wake_reader, select.POLLIN)
        with self._role:
            while self._busy:
                # After its answer the main thread is about to be free.
                if self._ready and self._current is not None and not self._current.over:
                    self._hand_out()
                events = poller.poll(_GRACE_MS if self._ready else None)
                if not events:
                    self._hand_out()
                for fd, _ in events:
                    if fd == self._wake_reader:
                        os.read(fd, 64)
                    else:
                        self._take(os.read(fd, _READ_BYTES_MAX))

    def _take(self, chunk):
        if not chunk:
            self._on_end()
        try:
            self._feed(chunk)
        except LinkBroken as broken:
            self._on_end(broken)


class ThreadGate:
    """Lets threads wait for a change of one request."""

    __slots__ = ("_kick", "_changed")

    def __init__(self, kick):
        self._kick = kick
        self._changed = threading.Condition(threading.Lock())

    def wait(self, ready):
        """Blocks until `ready()`."""
        if ready():
            return
        self._kick()
        with self._changed:
            while not ready():
                self._changed.wait()

    def wait_writable(self, call):
        """Blocks until what was written has left."""
        if call.stream.blocked:
            self.wait(lambda: not call.stream.blocked)

    def notify(self):
        """Something changed."""
        with self._changed:
            self._changed.notify_all()


class Workers:
    """Threads that are made when they are needed and go when they were not for a while."""

    def __init__(self):
        self._idle = 0
        self._jobs = queue.SimpleQueue()
        self._lock = threading.Lock()

    def submit(self, job):
        """Runs `job` on a thread at once. How many run is the gateway's to bound."""
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
                self._jobs.put(job)
                return
        threading.Thread(target=self._work, args=(job,), name="skerry-call", daemon=True).start()

    def _work(self, job):
        while job is not None:
            job()
            with self._lock:
                self._idle += 1
            job = self._next()

    def _next(self):
        try:
            return self._jobs.get(timeout=_WORKER_IDLE_SECONDS)
        except queue.Empty:
            with self._lock:
                if not self._jobs.empty():
                    return self._jobs.get()
                self._idle -= 1
                return None
