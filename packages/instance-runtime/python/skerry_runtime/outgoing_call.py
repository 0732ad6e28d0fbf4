"""`context.call`: asks the gateway, over the link, to run another function, and gives its answer
back. The call belongs to the request whose context made it and ends with it.

The same exchange serves threads, which block, and the loop, which awaits.
"""

import json
import re

from skerry import CallFailed

from .call import StreamedBody
from .frames import LinkParked

_is_json = re.compile(r"application/(?:[^;]*\+)?json\b", re.IGNORECASE).match
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
# Characters of an answer that an error quotes.
_QUOTED_MAX = 1024
_WAIT_MS_MAX = 0xFFFF_FFFF


class Asked:
    """What a call wants. `payload` is sent as JSON; bytes as they are; None is no body, thus {}."""

    __slots__ = ("request_id", "target", "payload", "wait_ms", "stream", "bytes_max")

    def __init__(self, context, target, payload, timeout_ms, stream):
        left = context.remaining_ms()
        self.request_id = context.request_id
        self.target = target
        self.payload = payload
        wait_ms = left if timeout_ms is None else min(left, timeout_ms)
        self.wait_ms = max(1, min(int(wait_ms), _WAIT_MS_MAX))
        self.stream = stream
        self.bytes_max = context.payload_bytes_max

    def body(self):
        """The payload's bytes. Raises TypeError or ValueError when it is no JSON."""
        if self.payload is None:
            return b""
        if isinstance(self.payload, (bytes, bytearray, memoryview)):
            return bytes(self.payload)
        return _encode(self.payload).encode("utf-8", "replace")


class Exchange:
    """One stream that this instance opened; the handler of its frames."""

    __slots__ = ("stream", "gate", "body", "head", "failure", "_target")

    def __init__(self, link, gate, asked):
        self.gate = gate
        self.head = None
        # Why the stream ended before its answer did.
        self.failure = None
        self._target = asked.target
        self.body = StreamedBody(self, b"", False)
        head = _encode({"op": "call", "r": asked.request_id, "f": asked.target}).encode()
        body = asked.body()
        try:
            link.open(self, head, body, asked.wait_ms)
        except LinkParked as parked:
            self.failure = str(parked)
            self.check()

    def on_reply(self, head, body, end):
        self.head = json.loads(head)
        self.body.push(body, end)

    def on_body(self, chunk, end):
        self.body.push(chunk, end)

    def on_writable(self):
        """The payload leaves by itself."""

    def on_failed(self, why):
        self.failure = why
        self.body.fail()
        self.gate.notify()

    def answered(self):
        """True when there is a head, or none will come."""
        return self.head is not None or self.failure is not None

    def check(self):
        """Raises what stands against going on."""
        if self.failure is not None:
            raise _failed(
                ("CALL_ABANDONED", "CANCELLED"),
                f"The call of {self._target} was given up: {self.failure}.",
                "A call ends with the request that made it; await it before answering.",
                {"function": self._target, "why": self.failure},
            )

    def check_head(self):
        """Raises the error that the gateway answered with."""
        self.check()
        wire = self.head.get("e")
        if wire is not None:
            details = dict(wire.get("details", {}))
            if "id" in self.head:
                details["requestId"] = self.head["id"]
            raise CallFailed({**wire, "details": details})

    def next_part(self):
        """The next part of the answer; None at its end. `body.ready` has to hold."""
        if self.body.exhausted:
            self.check()
            return None
        return self.body.take()

    def give_up(self):
        """Nobody wants the answer any more."""
        self.stream.cancel("the caller gave the call up")


class StreamedAnswer:
    """The answer of a call with `stream=True`, whatever its status: iterate over its parts, with
    `async for` in a coroutine.
    """

    def __init__(self, exchange):
        head = exchange.head
        self.status = head["s"]
        self.headers = _headers_of(head["h"])
        self.request_id = head.get("id")
        self._exchange = exchange

    def __iter__(self):
        exchange = self._exchange
        while True:
            exchange.gate.wait(lambda: exchange.body.ready)
            part = exchange.next_part()
            if part is None:
                return
            yield part

    async def __aiter__(self):
        exchange = self._exchange
        while True:
            await exchange.gate.wait(lambda: exchange.body.ready)
            part = exchange.next_part()
            if part is None:
                return
            yield part


def call_blocking(link, gate, asked):
    """For threads. Raises CallFailed."""
    exchange = Exchange(link, gate, asked)
    try:
        gate.wait(exchange.answered)
        exchange.check_head()
        if asked.stream:
            return StreamedAnswer(exchange)
        gathered = Gathered(asked, exchange)
        for part in StreamedAnswer(exchange):
            gathered.add(part)
        return gathered.result()
    except BaseException:
        exchange.give_up()
        raise


async def call_on_loop(link, gate, asked):
    """For coroutines. Raises CallFailed."""
    exchange = Exchange(link, gate, asked)
    try:
        await gate.wait(exchange.answered)
        exchange.check_head()
        if asked.stream:
            return StreamedAnswer(exchange)
        gathered = Gathered(asked, exchange)
        async for part in StreamedAnswer(exchange):
            gathered.add(part)
        return gathered.result()
    except BaseException:
        exchange.give_up()
        raise


class Gathered:
    """A whole answer, within the instance's limit, and what it means."""

    def __init__(self, asked, exchange):
        self._asked = asked
        self._head = exchange.head
        self._parts = []
        self._size = 0

    def add(self, part):
        """Raises CallFailed past the limit."""
        target, bytes_max = self._asked.target, self._asked.bytes_max
        self._size += len(part)
        if self._size > bytes_max:
            raise _failed(
                ("FUNCTION_PAYLOAD_TOO_LARGE", "INVALID_ARGUMENT"),
                f"The answer of {target} is larger than {bytes_max} bytes.",
                "Send less, or stream it from a fetch handler.",
                {"function": target, "what": "answer", "bytesMax": bytes_max},
            )
        self._parts.append(part)

    def result(self):
        """Parsed JSON, text, bytes of any other type, or None. Raises CallFailed."""
        status, body = self._head["s"], b"".join(self._parts)
        if status >= 400:
            target = self._asked.target
            quoted = body[:_QUOTED_MAX].decode("utf-8", "replace")
            raise _failed(
                ("CALL_STATUS", "UNKNOWN"),
                f"{target} answered with the status {status}.",
                "`details` has the beginning of its answer; `stream=True` takes any status.",
                {"function": target, "status": status, "body": quoted},
            )
        kind = _headers_of(self._head["h"]).get("content-type", "")
        if not body:
            return None
        if _is_json(kind):
            return json.loads(body)
        return body.decode("utf-8", "replace") if kind.startswith("text/") else body


def _headers_of(flat):
    headers = {}
    for name, value in zip(flat[::2], flat[1::2]):
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _failed(names, message, hint, details):
    reason, code = names
    return CallFailed(
        {"reason": reason, "code": code, "message": message, "hint": hint, "details": details}
    )
