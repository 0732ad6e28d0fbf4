"""`context.progress` and `context.heartbeat`: what an attempt of an accepted invocation says of how
far it is. Reports that come close together are joined and the last one wins; what is left when the
handler is done goes before its answer. Nothing is waited for.
"""

import json
import threading
import time

from .frames import LinkParked

# LIMITS.progressBytesMax of the contracts.
_BYTES_MAX = 4 << 10
# Between two reports of a request.
_EVERY_SECONDS = 0.2

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encoded(value):
    """The report as JSON. Raises TypeError or ValueError when it is none, or too long."""
    text = _encode(value)
    size = len(text.encode("utf-8", "replace"))
    if size > _BYTES_MAX:
        raise ValueError(f"progress of {size} bytes; at most {_BYTES_MAX} can be reported")
    return text


class Reports:
    """Those of one request, from any thread."""

    def __init__(self, link, request_id):
        self._link = link
        self._request_id = request_id
        self._lock = threading.Lock()
        self._text = None
        self._is_unsaid = False
        self._said = float("-inf")
        self._timer = None

    def add(self, text=None):
        """Says it now or soon; without a text only that the handler is alive."""
        with self._lock:
            if text is not None:
                self._text = text
            self._is_unsaid = True
            wait = self._said + _EVERY_SECONDS - time.monotonic()
            if wait <= 0:
                self._say()
            elif self._timer is None:
                self._timer = threading.Timer(wait, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self):
        """Says what is left."""
        with self._lock:
            self._say()

    def _say(self):
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._is_unsaid:
            return
        value = "" if self._text is None else f',"v":{self._text}'
        head = f'{{"op":"progress","r":{_encode(self._request_id)}{value}}}'
        self._is_unsaid = False
        self._text = None
        self._said = time.monotonic()
        try:
            self._link.open(_Answered(), head.encode("utf-8", "replace"), b"", 0)
        except LinkParked:
            pass  # No gateway is there: whoever follows hears the next one.


class _Answered:
    """What is answered says nothing."""

    def __init__(self):
        self.stream = None

    def on_reply(self, head, body, end):
        """It was heard."""

    def on_body(self, chunk, end):
        """Nothing comes."""

    def on_writable(self):
        """Nothing is written."""

    def on_failed(self, why):
        """Another report follows, or the answer."""
