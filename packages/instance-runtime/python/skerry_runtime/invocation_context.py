"""What a handler is told about its request, and the way it learns that the caller gave up."""

import time


class InstanceFacts:
    """Facts of the instance, the same for each of its requests."""

    __slots__ = (
        "app", "function", "revision", "instance_id", "memory_mb", "timeout_ms",
        "payload_bytes_max", "env", "call_function",
    )

    def __init__(self, head, call_function):
        names = head["names"]
        self.app = names["app"]
        self.function = names["fn"]
        self.revision = names["revision"]
        self.instance_id = head["instanceId"]
        self.memory_mb = head["memoryMb"]
        self.timeout_ms = head["timeoutMs"]
        self.payload_bytes_max = head["payloadBytesMax"]
        self.env = dict(head["env"])
        # Runs a call that a context asks for.
        self.call_function = call_function


class Context:
    """Second argument of event handlers; `environ["skerry.context"]` and
    `scope["extensions"]["skerry"]["context"]` of web applications.

    `deadline_ms` is the wall clock time in milliseconds at which the platform stops waiting;
    `cold_reason` says why this request waited for a start, None on a warm one.
    """

    __slots__ = (
        "request_id", "app", "function", "revision", "instance_id", "memory_mb", "deadline_ms",
        "cold_reason", "env", "parent_request_id", "payload_bytes_max", "_call", "_log",
        "_cancelled", "_call_function",
    )

    def __init__(self, call, facts, log):
        self.request_id = call.id
        self.app = facts.app
        self.function = facts.function
        self.revision = facts.revision
        self.instance_id = facts.instance_id
        self.memory_mb = facts.memory_mb
        self.deadline_ms = int(time.time() * 1000) + (call.remaining_ms or facts.timeout_ms)
        self.cold_reason = call.head.get("c")
        self.env = facts.env
        # Request id of the function that called by `context.call`; None for any other caller.
        self.parent_request_id = call.head.get("p")
        self.payload_bytes_max = facts.payload_bytes_max
        self._call = call
        self._log = log
        self._cancelled = None
        self._call_function = facts.call_function

    def remaining_ms(self):
        """Milliseconds until the deadline; 0 when it has passed."""
        return max(0, self.deadline_ms - time.time() * 1000)

    def call(self, target, payload=None, *, timeout_ms=None, stream=False):
        """Calls the function `APP/FN` and returns its result, or a StreamedAnswer with `stream`.

        In `async` code and ASGI applications it is awaited, elsewhere it blocks. `timeout_ms`
        bounds the wait, as what the request has left does. Raises `skerry.CallFailed`.
        """
        from .outgoing_call import Asked

        return self._call_function(Asked(self, target, payload, timeout_ms, stream))

    @property
    def log(self):
        """`debug`, `info`, `warning` and `error` under this request's id, from any thread."""
        return RequestLog(self._log, self.request_id)

    @property
    def cancelled(self):
        """Set when the caller gives the request up: `is_set()`, `wait(timeout)`, or `await` it."""
        if self._cancelled is None:
            self._cancelled = Cancelled(self._call)
        return self._cancelled


class RequestLog:
    """Logs under one request's id, also from threads that know nothing of it."""

    __slots__ = ("_log", "_request_id")

    def __init__(self, log, request_id):
        self._log = log
        self._request_id = request_id

    def debug(self, message):
        """An entry of level debug."""
        self._log.write("debug", str(message), self._request_id)

    def info(self, message):
        """An entry of level info."""
        self._log.write("info", str(message), self._request_id)

    def warning(self, message):
        """An entry of level warn."""
        self._log.write("warn", str(message), self._request_id)

    def error(self, message):
        """An entry of level error."""
        self._log.write("error", str(message), self._request_id)


class Cancelled:
    """Whether the caller gave the request up, for threads and for `async` code."""

    __slots__ = ("_call",)

    def __init__(self, call):
        self._call = call

    def is_set(self):
        """True once the caller is gone."""
        return self._call.aborted is not None

    @property
    def reason(self):
        """Why, as a sentence; None while nobody gave up."""
        return self._call.aborted

    def wait(self, timeout=None):
        """Blocks this thread until then, or for `timeout` seconds. True when it is set."""
        import threading

        event = threading.Event()
        self._call.when_aborted(event.set)
        event.wait(timeout)
        return self.is_set()

    def __await__(self):
        import asyncio

        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def resolve():
            if not future.done():
                future.set_result(True)

        self._call.when_aborted(lambda: loop.call_soon_threadsafe(resolve))
        return future.__await__()
