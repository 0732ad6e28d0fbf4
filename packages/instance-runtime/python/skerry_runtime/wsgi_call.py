"""Calls a WSGI application (PEP 3333) on a thread, its request body streamed in and its response
streamed out under the link's credit. An answer that is whole at once leaves in one frame; a slow
one sends its head with its first bytes. A body that breaks off is cancelled, never ended cleanly.
"""

import io
import sys

from .call import StreamedBody
from .http_headers import CONNECTION_HEADERS, expected_bytes, header_fault
from .invocation_context import Context
from .web_request import WebRequest


class WsgiRunner:
    """Runs requests to their answers. Nothing that the application raises leaves it."""

    streams_body = True
    switches_to = ()

    def __init__(self, application, facts, log, failures):
        self._application = application
        self._facts = facts
        self._log = log
        self._failures = failures

    def run(self, call, _body):
        """One request, to the last byte of its answer."""
        response = _Response(call, self._failures)
        chunks = None
        try:
            environ = environ_of(call, Context(call, self._facts, self._log))
            chunks = self._application(environ, response.start)
            response.send(chunks)
        except _Gone:
            return
        except BaseException as error:
            if call.gone and not isinstance(error, SystemExit):
                return
            response.raised(error)
        finally:
            self._close(call, chunks)

    def _close(self, call, chunks):
        close = getattr(chunks, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception as error:
            self._log.write("error", self._failures.text_of(error), call.id)


def environ_of(call, context):
    """The request as PEP 3333 wants it."""
    request = WebRequest(call)
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path_bytes.decode("latin-1"),
        "RAW_URI": call.head["u"],
        "QUERY_STRING": request.raw_query,
        "SERVER_NAME": request.host,
        "SERVER_PORT": str(request.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BufferedReader(_Input(call)),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "skerry.context": context,
    }
    for name, value in request.headers:
        # `x_y` would look like `x-y`: nobody may pass as another header.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            joint = "; " if key == "HTTP_COOKIE" else ","
            value = f"{environ[key]}{joint}{value}"
        environ[key] = value
    return environ


class _Gone(Exception):
    """The caller left: nothing that follows would reach anybody."""


class _Input(io.RawIOBase):
    """The request's body; reading waits for the caller."""

    def __init__(self, call):
        super().__init__()
        self._call = call
        self._rest = memoryview(b"")

    def readable(self):
        return True

    def readinto(self, target):
        if len(self._rest) == 0:
            call = self._call
            call.gate.wait(lambda: call.body.ready)
            if call.aborted is not None:
                raise ConnectionResetError(call.aborted)
            if call.body.cut:
                raise ConnectionResetError("the rest of the body is gone: the request is answered")
            self._rest = memoryview(call.body.take())
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class _Response:
    """What `start_response` and the application's chunks make of the answer."""

    def __init__(self, call, failures):
        self._call = call
        self._failures = failures
        self._head = None
        self._began = False
        self._expected = None

    def start(self, status, headers, exc_info=None):
        """PEP 3333's start_response; returns its `write`."""
        if exc_info is not None:
            try:
                if self._began:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._head is not None:
            raise AssertionError("start_response was called twice")
        self._head = (_status_of(status), _flat_of(headers))
        self._expected = expected_bytes(self._head[1])
        return self._write

    def send(self, chunks):
        """Sends all that the application gives."""
        call = self._call
        if isinstance(chunks, (list, tuple)) and not self._began:
            self._finish(b"".join(chunks))
            return
        iterator = iter(chunks)
        first = next((chunk for chunk in iterator if chunk), b"")
        if not self._began and (not first or len(first) == self._expected):
            # Some applications do their last work after their last bytes.
            for more in iterator:
                if more:
                    raise ValueError("The body is longer than its content-length.")
            self._finish(first)
            return
        self._write(first)
        for chunk in iterator:
            self._write(chunk)
        self._count(0, True)
        call.end()

    def raised(self, error):
        """Before the answer it is a failure; in the middle it breaks off."""
        if self._began:
            self._failures.broke_off(self._call, error)
        elif isinstance(error, _BadResponse):
            self._failures.bad_response(self._call, str(error))
        else:
            self._failures.raised(self._call, error)

    def _finish(self, body):
        """The whole answer is here."""
        status, headers = self._the_head()
        if self._call.head["m"] != "HEAD":
            self._count(len(body), True)
        else:
            body = b""
        self._call.answer(status, headers, body)

    def _write(self, chunk):
        call = self._call
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise TypeError(f"a WSGI body is bytes, not {type(chunk).__name__}")
        if call.gone:
            raise _Gone
        if call.head["m"] == "HEAD":
            chunk = b""
        else:
            self._count(len(chunk), False)
        if not self._began:
            status, headers = self._the_head()
            self._began = True
            call.begin(status, headers, bytes(chunk))
        else:
            call.stream.write(bytes(chunk))
        call.gate.wait_writable(call)

    def _the_head(self):
        if self._head is None:
            raise _BadResponse("the application did not call start_response")
        return self._head

    def _count(self, size, ends):
        if self._expected is None or self._call.head["m"] == "HEAD":
            return
        self._expected -= size
        if self._expected < 0:
            raise ValueError("The body is longer than its content-length.")
        if ends and self._expected > 0 and self._head[0] not in (204, 304):
            raise ValueError("The body is shorter than its content-length.")


class _BadResponse(Exception):
    """The application's head cannot be sent."""


def _status_of(status):
    code = status.split(" ", 1)[0] if isinstance(status, str) else ""
    if not code.isdecimal() or not 200 <= int(code) <= 599:
        raise _BadResponse(f"the application's status is {status!r:.100}")
    return int(code)


def _flat_of(headers):
    flat = []
    for name, value in headers:
        name = name.lower()
        fault = header_fault(name, value)
        if fault is not None:
            raise _BadResponse(fault)
        if name not in CONNECTION_HEADERS:
            flat += (name, value)
    return flat
