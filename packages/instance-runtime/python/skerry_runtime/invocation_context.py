"""What a handler is told about its request, and the way it learns that the caller gave up."""

import time

from .foreign_names import ForeignNames
from .http_event import OwnShapes


class InstanceFacts:
    """Facts of the instance, the same for each of its requests."""

    __slots__ = (
        "app", "function", "revision", "instance_id", "memory_mb", "timeout_ms",
        "payload_bytes_max", "env", "engine", "shapes",
    )

    def __init__(self, head, engine):
        names = head["names"]
        self.app = names["app"]
        self.function = names["fn"]
        self.revision = names["revision"]
        self.instance_id = head["instanceId"]
        self.memory_mb = head["memoryMb"]
        self.timeout_ms = head["timeoutMs"]
        self.payload_bytes_max = head["payloadBytesMax"]
        self.env = dict(head["env"])
        # Runs what a context asks for: calls, and work after the answer.
        self.engine = engine
        self.shapes = _shapes_of(head.get("eventFormat"), self.function)


def _shapes_of(event_format, fn):
    """Of events and their answers."""
    if event_format is None:
        return OwnShapes
    from .foreign_event import ForeignShapes

    return ForeignShapes(event_format, fn)


class Context(ForeignNames):
    """Second argument of event handlers; `environ["skerry.context"]` and
    `scope["extensions"]["skerry"]["context"]` of web applications.

    `deadline_ms` is the wall clock time in milliseconds at which the platform stops waiting;
    `cold_reason` says why this request waited for a start, None on a warm one.
    """

    __slots__ = (
        "request_id", "app", "function", "revision", "instance_id", "memory_mb", "timeout_ms",
        "deadline_ms", "cold_reason", "env", "parent_request_id", "payload_bytes_max", "_call", "_log",
        "_cancelled", "_engine", "_work",
    )

    def __init__(self, call, facts, log):
        self.request_id = call.id
        self.app = facts.app
        self.function = facts.function
        self.revision = facts.revision
        self.instance_id = facts.instance_id
        self.memory_mb = facts.memory_mb
        # The function's own: the most that a request may take. This one may have less.
        self.timeout_ms = facts.timeout_ms
        self.deadline_ms = int(time.time() * 1000) + (call.remaining_ms or facts.timeout_ms)
        self.cold_reason = call.head.get("c")
        self.env = facts.env
        # Request id of the function that called by `context.call`; None for any other caller.
        self.parent_request_id = call.head.get("p")
        self.payload_bytes_max = facts.payload_bytes_max
        self._call = call
        self._log = log
        self._cancelled = None
        self._engine = facts.engine
        self._work = None

    def remaining_ms(self):
        """Milliseconds until the deadline; 0 when it has passed."""
        return max(0, self.deadline_ms - time.time() * 1000)

    def call(self, target, payload=None, *, timeout_ms=None, stream=False, idempotency_key=None):
        """Calls the function `APP/FN` and returns its result, or a StreamedAnswer with `stream`.

        In `async` code and ASGI applications it is awaited, elsewhere it blocks. `timeout_ms`
        bounds the wait, as what the request has left does. The same call under the same
        `idempotency_key` runs once, to its own end, and is answered the same; not with `stream`.
        Raises `skerry.CallFailed`.
        """
        from .outgoing_call import Asked

        how = {"timeout_ms": timeout_ms, "stream": stream, "key": idempotency_key}
        return self._engine.call(Asked(self, target, payload, **how))

    def publish(self, topic, content, **about):
        """Publishes to a topic of the account: a list of messages, each a dict such as
        `{"key": …, "data": …}`, or one message with this content. `about` are `key`, `headers`,
        `content_type` and `time` of those that do not say it. Returns where they lie, as dicts with
        `partition` and `offset`, once all of them are on disk. With `idempotency_key` the same
        messages are there once, however often they are published.

        In `async` code and ASGI applications it is awaited, elsewhere it blocks. Raises
        `skerry.CallFailed`.
        """
        from .outgoing_call import Published

        if "content_type" in about:
            about["contentType"] = about.pop("content_type")
        if "idempotency_key" in about:
            about["idempotencyKey"] = about.pop("idempotency_key")
        return self._engine.call(Published(self, topic, content, about))

    def wait_until(self, work):
        """Keeps the instance running until `work` is done, also after the answer, as long as the
        function's `backgroundTimeoutMs` allows: an awaitable, a `concurrent.futures.Future`, a
        thread, or a function, which is run on one. What it raises is logged under this request and
        counted as a failure of the function. Call it before the answer has ended.
        """
        if self._work is None:
            self._work = self._engine.leave_work(self.request_id)
        self._work.add(work)

    def progress(self, value):
        """Says how far an accepted invocation is: a number from 0 to 1, or a dict with `done`,
        `total` and `message`, or any JSON of at most 4 KiB. Those that come close together are
        joined. On any other call it does nothing. Raises TypeError or ValueError for what is none.
        """
        from .progress import encoded

        self._report(encoded(value))

    def heartbeat(self):
        """Says that the handler is alive, as `progress` does, for `async.heartbeatMs`."""
        self._report(None)

    def _report(self, text):
        call = self._call
        if "iv" not in call.head:
            return
        if call.reports is None:
            from .progress import Reports

            call.reports = Reports(self._engine.link, call.id)
        call.reports.add(text)

    @property
    def invocation_id(self):
        """Of the accepted invocation that this is an attempt of; a synchronous call's is its own."""
        return self._call.head.get("iv", {}).get("id", self.request_id)

    @property
    def attempt(self):
        """Counts the attempts of an invocation from 1."""
        return self._call.head.get("iv", {}).get("n", 1)

    @property
    def action(self):
        """The action that this is a run of, as a dict with `name`, `drive`, `trigger_id`,
        `execution_id`, `player` and `server_key_id`; None when it is none.
        """
        facts = self._call.head.get("ac")
        if facts is None:
            return None
        return {
            "name": facts["n"],
            "drive": facts["d"],
            "trigger_id": facts["t"],
            "execution_id": self.invocation_id,
            "player": facts.get("p"),
            "server_key_id": facts.get("k"),
        }

    @property
    def trace(self):
        """The caller's trace, or one that begins here: a dict with `trace_id`, `span_id` (in which
        the handler runs), `sampled`, `traceparent` and `tracestate`. What a handler sends on
        carries `traceparent`.
        """
        from .trace import trace_of

        return trace_of(self._call.head)

    @property
    def client_context(self):
        """What the caller tells beside the event, in `X-Skerry-Client-Context`; None when absent."""
        sent = self._call.head.get("cc")
        if sent is None:
            return None
        import base64
        import json

        return json.loads(base64.b64decode(sent))

    @property
    def log(self):
        """`debug`, `info`, `warning` and `error` under this request's id, from any thread."""
        return RequestLog(self._log, self.request_id)

    @property
    def cancelled(self):
        """Set when the caller gives the request up, or its invocation is cancelled, and the handler
        has a moment to end by itself: `is_set()`, `wait(timeout)`, or `await` it.
        """
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
    """Whether the request is to end, for threads and for `async` code."""

    __slots__ = ("_call", "_event")

    def __init__(self, call):
        self._call = call
        self._event = None

    def is_set(self):
        """True once the caller is gone, or wants it to end."""
        return self._call.why_to_end is not None

    @property
    def reason(self):
        """Why, as a sentence; None while nobody gave up."""
        return self._call.why_to_end

    def wait(self, timeout=None):
        """Blocks this thread until then, or for `timeout` seconds. True when it is set."""
        import threading

        # One for all that wait: a job may look a million times.
        if self._event is None:
            self._event = threading.Event()
            self._call.when_to_end(self._event.set)
        self._event.wait(timeout)
        return self.is_set()

    def __await__(self):
        import asyncio

        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def resolve():
            if not future.done():
                future.set_result(True)

        def wake():
            loop.call_soon_threadsafe(resolve)

        self._call.when_to_end(wake)
        future.add_done_callback(lambda _: self._call.forget_watcher(wake))
        return future.__await__()
