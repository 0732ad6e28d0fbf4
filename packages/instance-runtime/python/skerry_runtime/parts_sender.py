"""Answers in parts: each leaves at once, and the next is asked for only when the client has taken
enough. An answer that breaks off is cancelled, never ended cleanly.
"""

from .http_event import AnswerFault, answer_from_result

_TEXT_TYPE = ["content-type", "text/plain; charset=utf-8"]


def stream_of(result):
    """The head's dict, or None, and the parts, of a result that is a stream: a generator of either
    kind, or a dict in parts with one as its `body`. None for any other result.
    """
    if is_stream(result):
        return None, result
    if isinstance(result, dict) and is_stream(result.get("body")) and "statusCode" in result:
        return {name: value for name, value in result.items() if name != "body"}, result["body"]
    return None


def is_stream(value):
    """A generator, an async generator, or any other iterator that is no container."""
    return hasattr(value, "__aiter__") or (hasattr(value, "__next__") and hasattr(value, "__iter__"))


class PartsSender:
    """Sends the parts of one answer."""

    def __init__(self, call, head):
        self.began = False
        self._call = call
        self._head = None if head is None else _head_of(head)

    def send(self, parts):
        """All parts, on a thread."""
        try:
            for part in parts:
                if not self._send(part):
                    return
                self._call.gate.wait_writable(self._call)
            self._end()
        finally:
            _close(parts)

    async def send_async(self, parts):
        """All parts, on the loop."""
        try:
            if hasattr(parts, "__aiter__"):
                async for part in parts:
                    if not self._send(part):
                        return
                    await self._call.gate.wait_writable(self._call)
            else:
                for part in parts:
                    if not self._send(part):
                        return
                    await self._call.gate.wait_writable(self._call)
            self._end()
        finally:
            close = getattr(parts, "aclose", None)
            if close is None:
                _close(parts)
            else:
                await close()

    def _send(self, part):
        """False when no more is wanted."""
        call = self._call
        if call.gone:
            return False
        if self.began:
            call.stream.write(_bytes_of(part))
            return not call.gone
        if self._head is None and isinstance(part, dict) and "statusCode" in part:
            self._head = _head_of(part)
            return True
        return self._begin(_bytes_of(part))

    def _begin(self, first):
        call = self._call
        status, headers = (200, []) if self._head is None else self._head
        if "content-type" not in headers[::2]:
            headers = [*headers, *_TEXT_TYPE]
        if call.head["m"] == "HEAD":
            call.answer(status, headers, b"")
            return False
        self.began = True
        call.begin(status, headers, first)
        return not call.gone

    def _end(self):
        if not self.began:
            self._begin(b"")
        if self.began:
            self._call.end()


def _head_of(parts):
    if is_stream(parts.get("body")):
        raise AnswerFault("a head that is yielded has a stream as its body")
    status, headers, body = answer_from_result(parts)
    if body:
        raise AnswerFault("a head that is yielded has a body; yield the body after it")
    return status, headers


def _bytes_of(part):
    if isinstance(part, str):
        return part.encode("utf-8", "replace")
    if isinstance(part, (bytes, bytearray, memoryview)):
        return bytes(part)
    raise AnswerFault(f"a part of the answer is a {type(part).__name__}; parts are str or bytes")


def _close(parts):
    close = getattr(parts, "close", None)
    if close is not None:
        close()
