"""A request as web applications see it, for WSGI and ASGI alike."""

from urllib.parse import unquote_to_bytes


class WebRequest:
    """An invocation reaches a web application as the POST of its event to `/`."""

    __slots__ = (
        "method", "raw_path", "path_bytes", "raw_query", "headers", "host", "port", "scheme",
    )

    def __init__(self, call):
        head = call.head
        self.method = head["m"]
        target = head["u"]
        flat = head["h"]
        pairs = list(zip(flat[::2], flat[1::2]))
        if self.method == "EVENT":
            self.method, target = "POST", "/"
            pairs = [pair for pair in pairs if pair[0] not in ("content-type", "content-length")]
            pairs.append(("content-type", "application/json"))
        self.raw_path, _, self.raw_query = target.partition("?")
        self.path_bytes = unquote_to_bytes(self.raw_path)
        if call.body.whole_bytes is not None and not _has(pairs, "content-length"):
            # The length is known, since all of it is here.
            if call.body.whole_bytes > 0:
                pairs.append(("content-length", str(call.body.whole_bytes)))
        self.headers = pairs
        self.scheme = next((v for n, v in pairs if n == "x-forwarded-proto"), "http")
        host, colon, port = head["a"].rpartition(":")
        if colon and port.isdecimal():
            self.host, self.port = host, int(port)
        else:
            self.host, self.port = head["a"], 443 if self.scheme == "https" else 80


def stay_in_http(head):
    """Makes an ordinary request of one that asks for a protocol that is not spoken here."""
    del head["up"]
    flat = head["h"]
    kept = [at for at in range(0, len(flat), 2) if flat[at] not in ("connection", "upgrade")]
    head["h"] = [part for at in kept for part in flat[at : at + 2]]


def _has(pairs, name):
    return any(pair[0] == name for pair in pairs)
