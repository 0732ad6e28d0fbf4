"""Where requests run: on threads, or on one event loop once the code has shown to be `async`.

asyncio is loaded only when it is needed: it takes 30 ms and 6 MB.
"""

from .thread_engine import ThreadEngine


class Engine:
    """What the runtime sees of both kinds."""

    def __init__(self, link_fd, failures, on_end, streams_of_text):
        self._link_fd = link_fd
        self._failures = failures
        self._on_end = on_end
        self._streams_of_text = streams_of_text
        self.link = None
        self._threads = None
        self._loop = None
        self._loop_thread = None
        self._current = None

    def serve(self, link):
        """Never returns: the process ends with its link."""
        self.link = link
        self._threads = ThreadEngine(
            self._link_fd, link.feed, self._on_end, self._streams_of_text
        )
        self._current = self._threads
        self._failures.wait_for = self._wait_for
        self._threads.run(until=lambda: self._loop is not None)
        self._loop.run(link)

    def submit_start(self, job):
        """Runs `job` on the main thread."""
        self._threads.submit_start(job)

    def start(self, code, runner):
        """The code is loaded, on the main thread: makes ready for its requests."""
        if not code.is_async:
            self._threads.started()
            return
        from .loop_engine import LoopEngine

        loop_engine = LoopEngine(self._link_fd, self._on_end, self._streams_of_text)
        loop_engine.loop.set_exception_handler(self._on_loop_error)
        if code.shape == "asgi":
            from .lifespan import start_application

            start = start_application(code.call, runner.state)
            runner.lifespan = loop_engine.loop.run_until_complete(start)
        self._loop = self._current = loop_engine

    def run_now(self, hook):
        """Runs a hook on the main thread, while the code is loaded."""
        result = hook()
        if hasattr(result, "__await__"):
            if self._loop is None:
                self._wait_for(result)
            else:
                self._loop.loop.run_until_complete(result)

    def run_last(self, hook, done):
        """Runs a hook where requests run, then calls `done`, with what it raised if it did."""
        self._current.submit_hook(hook, done, self._wait_for)

    def submit(self, runner, call, body):
        """A request to run."""
        self._current.submit(runner, call, body)

    def gate(self):
        """What a request waits with."""
        return self._current.gate()

    def call(self, asked):
        """Calls another function: its result, or a coroutine of it once code runs on the loop."""
        from .outgoing_call import call_blocking, call_on_loop

        call = call_blocking if self._loop is None else call_on_loop
        return call(self.link, self.gate(), asked)

    def expect_link(self):
        """Something is to come for a connection of the code, which may block until it does: sees to
        it that the link is read. On the loop's engine the asking thread reads it from then on, when
        the descriptor that is returned can be read, by `read_lent`.
        """
        if self._loop is not None and self._loop.lend():
            return self._link_fd
        self._threads.kick()
        return None

    def read_lent(self):
        """Takes what there is on the link, which was lent to the calling thread."""
        self._loop.read_lent()

    def leave_work(self, request_id):
        """Where a request puts work for after its answer."""
        from .background_work import BackgroundWork

        return BackgroundWork(self.link, self._start_coroutine, self._failures, request_id)

    def _start_coroutine(self, awaitable):
        return self._started_loop_thread().start(awaitable)

    def _wait_for(self, awaitable):
        self._threads.kick()
        return self._started_loop_thread().wait_for(awaitable)

    def _started_loop_thread(self):
        if self._loop_thread is None:
            from .loop_thread import LoopThread

            self._loop_thread = LoopThread()
        return self._loop_thread

    def _on_loop_error(self, loop, context):
        error = context.get("exception")
        if error is None:
            self._failures.log.write("error", context.get("message", "an error of the loop"))
        else:
            self._failures.unhandled("Unhandled error of a task", error)
