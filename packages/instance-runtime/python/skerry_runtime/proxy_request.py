"""What a client asks of the web proxy: CONNECT for anything encrypted, absolute URLs for plain HTTP,
one request a connection there. It decides nothing: the gateway does.
"""

import re

HEAD_BYTES_MAX = 32 << 10
HEAD_END = b"\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

_request_line = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP/1\.[01]", re.ASCII).fullmatch
_absolute = re.compile(r"http://([^/?#@\s]+)([/?][^\s#]*)?", re.ASCII | re.IGNORECASE).fullmatch
_has_port = re.compile(r":[0-9]+$").search
# They concern the proxy or its connection, not the origin.
_is_dropped = re.compile(
    r"(?:proxy-[^:]*|connection|keep-alive|te|trailer|upgrade):", re.IGNORECASE
).match
_STATUS = {
    "PERMISSION_DENIED": "403 Forbidden",
    "INVALID_ARGUMENT": "400 Bad Request",
    "RESOURCE_EXHAUSTED": "429 Too Many Requests",
}


def read_proxy_request(head):
    """`HOST:PORT` and what the origin is sent in place of the head, None for CONNECT; RFC 9112
    3.2.2 and 3.2.3. None for any other request.
    """
    line, *fields = head.decode("latin-1").split("\r\n")
    matched = _request_line(line)
    if matched is None:
        return None
    method, target = matched.groups()
    if method == "CONNECT":
        return (target, None) if _has_port(target) else None
    matched = _absolute(target)
    if matched is None:
        return None
    authority, path = matched.group(1), matched.group(2) or "/"
    origin = f"/{path}" if path.startswith("?") else path
    kept = [field for field in fields if not _is_dropped(field)]
    lines = [f"{method} {origin} HTTP/1.1", *kept, "Connection: close", "", ""]
    whole = authority if _has_port(authority) else f"{authority}:80"
    return whole, "\r\n".join(lines).encode("latin-1")


def refusal_of(wire):
    """The answer that tells a client why there is no connection."""
    status = _STATUS.get(wire.get("code"), "502 Bad Gateway")
    return _answer(status, wire.get("message", ""), wire.get("reason", "UNKNOWN"))


def not_a_proxy_request():
    """The answer to what is no request to a proxy."""
    text = "This is a proxy for CONNECT and for http:// URLs."
    return _answer("400 Bad Request", text, "BAD_REQUEST")


def _answer(status, text, reason):
    body = f"{text}\n".encode("utf-8", "replace")
    lines = [
        f"HTTP/1.1 {status}",
        "content-type: text/plain; charset=utf-8",
        f"content-length: {len(body)}",
        f"x-skerry-error: {reason}",
        "connection: close",
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1", "replace") + body
