"""The two ends of a call to an event handler: what it is given and the answer made of its result.

Result to answer of a URL call: a dict with `statusCode` is the response in parts; a str is
text/plain; bytes are application/octet-stream; None is 204; everything else is JSON with 200.
An answer is (status, flat headers, body).
"""

import base64
import json
import re

from .http_headers import CONNECTION_HEADERS, header_fault

JSON_TYPE = ["content-type", "application/json"]
TEXT_TYPE = ["content-type", "text/plain; charset=utf-8"]
BYTES_TYPE = ["content-type", "application/octet-stream"]
BYTES = (bytes, bytearray, memoryview)
_TEXTUAL = re.compile(
    r"\s*(?:text/|application/(?:[\w.-]+\+)?(?:json|xml)\b"
    r"|application/(?:x-www-form-urlencoded|javascript|graphql|x-ndjson|yaml)\b|image/svg\+xml\b)",
    re.IGNORECASE | re.ASCII,
).match

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class AnswerFault(Exception):
    """Why a result cannot be an answer; for the developer."""


def _no_constant(name):
    raise ValueError(f"{name} is no JSON value")


decode_json = json.JSONDecoder(parse_constant=_no_constant).decode


def parse_event(body):
    """An invocation's event. No body at all is the empty event. Raises ValueError."""
    if not body:
        return {}
    try:
        return decode_json(body.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def http_event_of(head, body):
    """What an event handler gets when its URL is called."""
    path, _, raw_query = head["u"].partition("?")
    headers = headers_of(head["h"])
    text = text_of(headers.get("content-type"), body)
    return {
        "type": "http",
        "requestId": head["id"],
        "method": head["m"],
        "path": path,
        "rawQuery": raw_query,
        "query": query_of(raw_query) if raw_query else {},
        "headers": headers,
        "body": base64.b64encode(body).decode() if text is None else text,
        "isBase64Encoded": text is None,
    }


def headers_of(flat, joint=", "):
    """Repeated names are joined by `joint`, cookies by `; `."""
    headers = {}
    for name, value in zip(flat[::2], flat[1::2]):
        if name in headers:
            between = "; " if name == "cookie" else joint
            value = f"{headers[name]}{between}{value}"
        headers[name] = value
    return headers


def answer_of_invocation(result):
    """Bytes as they are, all else as JSON. Raises AnswerFault."""
    if isinstance(result, BYTES):
        return 200, BYTES_TYPE, bytes(result)
    return json_answer(result)


def json_answer(result):
    """The result as JSON. Raises AnswerFault."""
    try:
        text = _encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerFault(f"it cannot be written as JSON ({_first_line(error)})") from None
    try:
        body = text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair is not UTF-8; escaped it passes.
        body = _encode_ascii(result).encode()
    return 200, JSON_TYPE, body


def answer_from_result(result):
    """The answer of a URL call. Raises AnswerFault."""
    if result is None:
        return 204, [], b""
    if isinstance(result, str):
        return 200, TEXT_TYPE, result.encode("utf-8", "replace")
    if isinstance(result, BYTES):
        return 200, BYTES_TYPE, bytes(result)
    if isinstance(result, dict) and "statusCode" in result:
        return answer_from_parts(result)
    return json_answer(result)


def answer_from_parts(parts, untyped=None):
    """The response in parts; `untyped` is the content type of a body that comes without one, by its
    kind when absent. Raises AnswerFault.
    """
    status = parts["statusCode"]
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        shown = show(status)
        raise AnswerFault(f"`statusCode` is {shown}; it must be a whole number from 200 to 599")
    headers = _headers_from_parts(parts)
    body = _body_from_parts(parts)
    if body is None or status in (204, 304):
        return status, headers, b""
    if "content-type" not in headers[::2]:
        text = isinstance(parts["body"], str) and parts.get("isBase64Encoded") is not True
        headers += untyped or (TEXT_TYPE if text else BYTES_TYPE)
    return status, headers, body


def _body_from_parts(parts):
    body = parts.get("body")
    if body is None:
        return None
    if isinstance(body, BYTES):
        return bytes(body)
    if not isinstance(body, str):
        raise AnswerFault(
            f"`body` is {show(body)}; it must be a str or bytes (use json.dumps for objects)"
        )
    if parts.get("isBase64Encoded") is not True:
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body)
    except ValueError:
        raise AnswerFault("`body` is no base64") from None


def _headers_from_parts(parts):
    headers, cookies = parts.get("headers"), parts.get("cookies")
    if headers is not None and not isinstance(headers, dict):
        raise AnswerFault(f"`headers` is {show(headers)}; it must be a dict of names and values")
    if cookies is not None and not isinstance(cookies, (list, tuple)):
        raise AnswerFault(f"`cookies` is {show(cookies)}; it must be a list")
    flat = []
    for name, value in (headers or {}).items():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                _add_header(flat, str(name).lower(), one)
    for cookie in cookies or ():
        _add_header(flat, "set-cookie", cookie)
    return flat


def _add_header(flat, name, value):
    """The length of a buffered body is the platform's to say, as are the connection's headers."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (str, int, float)):
        text = str(value)
    else:
        raise AnswerFault(f"the header {name} is {show(value)}; it must be text")
    fault = header_fault(name, text)
    if fault is not None:
        raise AnswerFault(fault)
    if name != "content-length" and name not in CONNECTION_HEADERS:
        flat += (name, text)


def query_of(raw_query):
    """Decoded; values of a repeated name are joined by commas."""
    from urllib.parse import parse_qsl

    query = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def text_of(content_type, body):
    """The body as text when type and bytes say so; None otherwise."""
    if not body:
        return ""
    if content_type is not None and not _TEXTUAL(content_type):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def show(value):
    """A value for the developer, in short."""
    if isinstance(value, str):
        return json.dumps(value[:100])
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    return f"a {type(value).__name__}"


def _first_line(error):
    return str(error).split("\n", 1)[0]


class OwnShapes:
    """What a handler is given and what is made of its results where no format is named."""

    events_are_bytes = False
    http_event_of = staticmethod(http_event_of)
    answer_of_invocation = staticmethod(answer_of_invocation)
    answer_from_result = staticmethod(answer_from_result)
