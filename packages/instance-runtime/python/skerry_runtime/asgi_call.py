"""Calls an ASGI 3 application on the loop. Here is the http scope, its request body streamed in and
its response streamed out under the link's credit. When the caller leaves, `receive` gives
`http.disconnect` and `send` does nothing; so it does when the answer was whole before the request.
A body that breaks off is cancelled, never ended cleanly. `asgi_socket.py` has the websocket scope.
"""

from .http_headers import CONNECTION_HEADERS, expected_bytes, header_fault
from .invocation_context import Context
from .web_request import WebRequest


class AsgiRunner:
    """Runs requests to their answers. Nothing that the application raises leaves it."""

    streams_body = True
    # Protocols that a request may leave HTTP for.
    switches_to = ("websocket",)

    def __init__(self, application, facts, log, failures):
        self._application = application
        self._facts = facts
        self._log = log
        self._failures = failures
        # What the application keeps from its start-up for its requests.
        self.state = {}

    async def run_async(self, call, _body):
        """One request, to the last byte of its answer."""
        context = Context(call, self._facts, self._log)
        exchange = self._exchange_of(call, context)
        try:
            scope = exchange.scope(scope_of(call, context, self.state))
            await self._application(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.failed(error)
        else:
            exchange.returned()

    def _exchange_of(self, call, context):
        if "up" not in call.head:
            return HttpExchange(call, self._failures)
        from .asgi_socket import SocketExchange

        return SocketExchange(call, context, self._failures)


def scope_of(call, context, state):
    """The request as ASGI wants it."""
    request = WebRequest(call)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path_bytes.decode("utf-8", "replace"),
        "raw_path": request.raw_path.encode("latin-1", "replace"),
        "query_string": request.raw_query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1", "replace"))
                    for name, value in request.headers],
        "server": (request.host, request.port),
        "client": None,
        "state": dict(state),
        "extensions": {"skerry": {"context": context}},
    }


class BadResponse(Exception):
    """What the application sent cannot be an answer."""


class HttpExchange:
    """The two ends that an application is given."""

    __slots__ = ("complete", "_began", "_call", "_failures", "_head", "_expected", "_received")

    def __init__(self, call, failures):
        self.complete = False
        self._began = False
        self._call = call
        self._failures = failures
        self._head = None
        self._expected = None
        self._received = False

    def scope(self, scope):
        """The request as ASGI wants it."""
        return scope

    async def receive(self):
        """The next part of the body; after its end, waits until the caller leaves."""
        call = self._call
        if not self._received:
            await call.gate.wait(lambda: call.body.ready)
            if call.aborted is None and not call.body.cut:
                chunk = call.body.take()
                more = not call.body.exhausted
                self._received = not more
                return {"type": "http.request", "body": chunk, "more_body": more}
        await call.gate.wait(lambda: call.aborted is not None or self.complete)
        return {"type": "http.disconnect"}

    async def send(self, message):
        """Takes the head, then the body in parts."""
        kind = message["type"]
        if kind == "http.response.start":
            if self._head is not None:
                raise BadResponse("the application started its response twice")
            self._head = _head_of(message)
            self._expected = expected_bytes(self._head[1])
        elif kind == "http.response.body":
            await self._send_body(message.get("body", b""), message.get("more_body", False))
        else:
            raise BadResponse(f"the application sent a message of type {kind!r:.100}")

    def returned(self):
        """The application is done."""
        if self.complete:
            return
        if self._began:
            error = RuntimeError("the application returned before its body ended")
            self._failures.broke_off(self._call, error)
        elif not self._call.gone:
            self._failures.bad_response(self._call, "the application sent no response")

    def failed(self, error):
        """The application raised."""
        call, failures = self._call, self._failures
        if isinstance(error, SystemExit):
            failures.exit(error)
        if self.complete or (call.gone and not isinstance(error, BadResponse)):
            # Its answer is complete, or nobody waits: the log alone is told.
            if self.complete:
                failures.log.write("error", failures.text_of(error), call.id)
        elif self._began:
            failures.broke_off(call, error)
        elif isinstance(error, BadResponse):
            failures.bad_response(call, str(error))
        else:
            failures.raised(call, error)

    async def _send_body(self, body, more):
        call = self._call
        if self._head is None:
            raise BadResponse("the application sent a body before its head")
        if self.complete or call.gone:
            return
        body = bytes(body)
        if call.head["m"] == "HEAD":
            body = b""
        else:
            self._count(len(body), not more)
        status, headers = self._head
        if not more and not self._began:
            self.complete = True
            call.answer(status, headers, body)
        elif not self._began:
            self._began = True
            call.begin(status, headers, body)
            await call.gate.wait_writable(call)
        else:
            call.stream.write(body)
            await call.gate.wait_writable(call)
            if not more:
                self.complete = True
                call.end()
        if self.complete:
            call.gate.notify()

    def _count(self, size, ends):
        if self._expected is None:
            return
        self._expected -= size
        if self._expected < 0:
            raise ValueError("The body is longer than its content-length.")
        if ends and self._expected > 0 and self._head[0] not in (204, 304):
            raise ValueError("The body is shorter than its content-length.")


def _head_of(message):
    status = message["status"]
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise BadResponse(f"the application's status is {status!r:.100}")
    return int(status), flat_headers(message.get("headers", ()))


def flat_headers(headers):
    """Name, value, name, value …, without those of the connection. Raises BadResponse."""
    flat = []
    for raw_name, raw_value in headers:
        name = bytes(raw_name).decode("latin-1").lower()
        value = bytes(raw_value).decode("latin-1")
        fault = header_fault(name, value)
        if fault is not None:
            raise BadResponse(fault)
        if name not in CONNECTION_HEADERS:
            flat += (name, value)
    return flat
