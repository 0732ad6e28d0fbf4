"""`context.call` and `context.publish`: asks the gateway, over the link, to run another function or
to write messages into a topic, and gives the answer back. What is asked belongs to the request whose
context asked and ends with it.

The same exchange serves threads, which block, and the loop, which awaits.
"""

import json
import re

from skerry import CallFailed

from .call import StreamedBody
from .frames import HEAD_BYTES_MAX, LinkParked

_is_json = re.compile(r"application/(?:[^;]*\+)?json\b", re.IGNORECASE).match
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
# Characters of an answer that an error quotes.
_QUOTED_MAX = 1024
_WAIT_MS_MAX = 0xFFFF_FFFF


class Published:
    """What a publish wants, as `Asked` of a call: `content` is a list of messages in the API's form,
    or what one message says; `about` stands for what messages do not say of themselves.
    """

    __slots__ = (
        *("request_id", "target", "wait_ms", "stream", "bytes_max"),
        *("_messages", "_many", "_key"),
    )

    def __init__(self, context, topic, content, about):
        self.request_id = context.request_id
        self.target = topic
        self.wait_ms = max(1, min(int(context.remaining_ms()), _WAIT_MS_MAX))
        self.stream = False
        self.bytes_max = context.payload_bytes_max
        self._key = about.pop("idempotencyKey", None)
        self._many = isinstance(content, (list, tuple))
        given = content if self._many else [{"data": content}]
        # What is none is refused by whoever reads it.
        self._messages = [
            _message_of({**about, **one}) if hasattr(one, "keys") else one for one in given
        ]

    def head(self):
        """Of the stream that is opened."""
        return {"op": "publish", "r": self.request_id, "t": self.target}

    def body(self):
        """The messages' bytes. Raises INPUT_INVALID when they, or their key, are no JSON."""
        texts = [_json_of(i, message) for i, message in enumerate(self._messages)]
        key = "" if self._key is None else ',"idempotencyKey":' + _json_of(None, self._key)
        return ('{"messages":[' + ",".join(texts) + "]" + key + "}").encode("utf-8", "replace")

    def broke_off(self, why):
        """What is raised when it is not known whether they were written."""
        return _failed(
            ("PUBLISH_UNCONFIRMED", "UNAVAILABLE"),
            f"It is not known whether the messages for {self.target} were published: {why}.",
            "Published again without an idempotency key, they may be there twice.",
            {"topic": self.target, "why": why},
        )

    def result_of(self, answer):
        """Places of many messages, or the place of one."""
        places = answer["messages"]
        return places if self._many else places[0]


def _head_of(asked):
    """Raises CALL_HEAD_TOO_LARGE: a link is cut off whose frame has a larger one."""
    head = _encode(asked.head()).encode()
    if len(head) <= HEAD_BYTES_MAX:
        return head
    raise _failed(
        ("CALL_HEAD_TOO_LARGE", "INVALID_ARGUMENT"),
        f"Nothing was asked for: its name and key have more than {HEAD_BYTES_MAX} bytes together.",
        "Give a shorter name or key; what is large belongs into the payload.",
        {"bytesMax": HEAD_BYTES_MAX},
    )


def _json_of(index, value):
    """Of a message, or of the key of all where there is no index."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        name = "idempotencyKey" if index is None else f"messages.{index}"
        problem = f"{name}: this is no JSON: {error}"
        raise _failed(
            ("INPUT_INVALID", "INVALID_ARGUMENT"),
            f"The body is not valid: {problem}",
            "Correct what is named and send it again; nothing was changed.",
            {"what": "body", "problems": problem, "problemList": [problem]},
        ) from error


def _message_of(message):
    """JSON has no bytes."""
    data = message.get("data")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        return message
    import base64

    rest = {name: value for name, value in message.items() if name != "data"}
    return {**rest, "base64": base64.b64encode(data).decode()}


class Asked:
    """What a call wants. `payload` is sent as JSON; bytes as they are; None is no body, thus {}."""

    __slots__ = ("request_id", "target", "payload", "wait_ms", "stream", "bytes_max", "_key")

    def __init__(self, context, target, payload, *, timeout_ms, stream, key):
        left = context.remaining_ms()
        self.request_id = context.request_id
        self.target = target
        self.payload = payload
        wait_ms = left if timeout_ms is None else min(left, timeout_ms)
        self.wait_ms = max(1, min(int(wait_ms), _WAIT_MS_MAX))
        self.stream = stream
        self.bytes_max = context.payload_bytes_max
        self._key = key

    def body(self):
        """The payload's bytes. Raises TypeError or ValueError when it is no JSON."""
        if self.payload is None:
            return b""
        if isinstance(self.payload, (bytes, bytearray, memoryview)):
            return bytes(self.payload)
        return _encode(self.payload).encode("utf-8", "replace")

    def head(self):
        """Of the stream that is opened. Raises CALL_KEY_INVALID."""
        head = {"op": "call", "r": self.request_id, "f": self.target}
        if self._key is None:
            return head
        if not self.stream:
            return {**head, "k": self._key}
        rule = "cannot stand beside `stream`"
        raise _failed(
            ("CALL_KEY_INVALID", "INVALID_ARGUMENT"),
            f"{self.target} was not called: the idempotency key of a call {rule}.",
            "Correct the key or leave it out; what is kept under a key is a whole answer.",
            {"function": self.target, "rule": rule},
        )

    def broke_off(self, why):
        """What is raised when the answer broke off."""
        return _failed(
            ("CALL_ABANDONED", "CANCELLED"),
            f"The call of {self.target} was given up: {why}.",
            "A call ends with the request that made it; await it before answering.",
            {"function": self.target, "why": why},
        )

    def result_of(self, answer):
        """What the code gets of it."""
        return answer


class Exchange:
    """One stream that this instance opened; the handler of its frames."""

    __slots__ = ("stream", "gate", "body", "head", "failure", "_asked")

    def __init__(self, link, gate, asked):
        self.gate = gate
        self.head = None
        # Why the stream ended before its answer did.
        self.failure = None
        self._asked = asked
        self.body = StreamedBody(self, b"", False)
        head = _head_of(asked)
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
            raise self._asked.broke_off(self.failure)

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
    """The answer of a call with `stream=True`, whatever its status: iterate over its parts, once,
    with `async for` in a coroutine. Who leaves the loop gives the rest up.
    """

    def __init__(self, exchange):
        head = exchange.head
        self.status = head["s"]
        self.headers = _headers_of(head["h"])
        self.request_id = head.get("id")
        self._exchange = exchange

    def __iter__(self):
        exchange = self._exchange
        try:
            while True:
                exchange.gate.wait(lambda: exchange.body.ready)
                part = exchange.next_part()
                if part is None:
                    return
                yield part
        finally:
            exchange.give_up()

    async def __aiter__(self):
        exchange = self._exchange
        try:
            while True:
                await exchange.gate.wait(lambda: exchange.body.ready)
                part = exchange.next_part()
                if part is None:
                    return
                yield part
        finally:
            exchange.give_up()


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
            return self._asked.result_of(json.loads(body))
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
