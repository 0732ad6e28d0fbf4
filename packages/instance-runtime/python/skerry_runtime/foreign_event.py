"""Calls of a URL as functions of other platforms know them, by the function's `eventFormat`: the
event of SCF's API gateway and function URL, of FC's HTTP trigger and of Lambda's function URL, and
what each of them makes of a result. The Node runtime has the same (packages/event-shapes); one set
of cases holds both. Only a function with a format loads this.
"""

import base64
import binascii
import json
import re
import time
from urllib.parse import parse_qsl, unquote_plus

from .http_event import (
    BYTES,
    BYTES_TYPE,
    JSON_TYPE,
    TEXT_TYPE,
    AnswerFault,
    answer_from_parts,
    answer_of_invocation,
    decode_json,
    headers_of,
    json_answer,
    query_of,
    show,
    text_of,
)

_CLIENT_ADDRESS = "x-skerry-client-address"
_PARAMS = "x-skerry-params"
_FORM = re.compile(r"\s*application/x-www-form-urlencoded\b", re.IGNORECASE | re.ASCII).match
# What the locale calls them is not asked.
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_STATUS = re.compile(r"[0-9]{3}").fullmatch


class _Came:
    """A request, as far as all platforms tell the same of it."""

    def __init__(self, fn, head, body, text_of):
        self.fn = fn
        self.id = head["id"]
        self.method = head["m"]
        self.authority = head["a"]
        self.path, _, self.raw_query = head["u"].partition("?")
        self.headers = headers_of(head["h"], ",")
        self.source_ip = self.headers.pop(_CLIENT_ADDRESS, "")
        params = self.headers.get(_PARAMS)
        self.params = None if params is None else json.loads(params)
        text = text_of(self.headers.get("content-type"), body)
        self.is_base64 = text is None
        self.body = base64.b64encode(body).decode() if text is None else text
        self.time_ms = time.time_ns() // 1_000_000

    def http(self):
        """What Lambda and FC say of a request in one way."""
        return {
            "method": self.method,
            "path": self.path,
            "protocol": "HTTP/1.1",
            "sourceIp": self.source_ip,
            "userAgent": self.headers.get("user-agent", ""),
        }

    def domain(self):
        """The host that was asked, and its first part."""
        prefix = re.split(r"[.:]", self.authority, maxsplit=1)[0]
        return {"domainName": self.authority, "domainPrefix": prefix}

    def time_as(self, form):
        """UTC, as `strftime` has it."""
        return time.strftime(form, time.gmtime(self.time_ms // 1000))


class ForeignShapes:
    """What a handler is given and what is made of its results, chosen once for its function."""

    def __init__(self, event_format, fn):
        self._fn = fn
        self._event_of, self.answer_from_result, self._text_of = _FORMATS[event_format]
        self.events_are_bytes = event_format == "fc"

    def http_event_of(self, head, body):
        """What an event handler gets when its URL is called."""
        return self._event_of(_Came(self._fn, head, body, self._text_of))

    def answer_of_invocation(self, result):
        """FC's text is answered as it is. Raises AnswerFault."""
        if self.events_are_bytes and isinstance(result, str):
            return 200, TEXT_TYPE, result.encode("utf-8", "replace")
        return answer_of_invocation(result)


def _lambda_event(came):
    """What is absent there is absent here."""
    headers = came.headers
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": came.path,
        "rawQueryString": came.raw_query,
    }
    if "cookie" in headers:
        event["cookies"] = re.split(r"; *", headers["cookie"])
    event["headers"] = headers
    if came.raw_query:
        event["queryStringParameters"] = query_of(came.raw_query)
    month = _MONTHS[time.gmtime(came.time_ms // 1000).tm_mon - 1]
    event["requestContext"] = {
        "accountId": "anonymous",
        "apiId": came.fn,
        **came.domain(),
        "http": came.http(),
        "requestId": came.id,
        "routeKey": "$default",
        "stage": "$default",
        "time": came.time_as(f"%d/{month}/%Y:%H:%M:%S +0000"),
        "timeEpoch": came.time_ms,
    }
    if came.params is not None:
        event["pathParameters"] = came.params
    if came.body:
        event["body"] = came.body
    event["isBase64Encoded"] = came.is_base64
    return event


def _fc_event(came):
    """As bytes: FC's handlers parse their events themselves. Header names are written as Go's."""
    headers = {
        re.sub(r"(?:^|-)[a-z]", lambda found: found[0].upper(), name): value
        for name, value in came.headers.items()
    }
    event = {
        "version": "v1",
        "rawPath": came.path,
        "body": came.body,
        "isBase64Encoded": came.is_base64,
        "headers": headers,
        "queryParameters": query_of(came.raw_query),
        "requestContext": {
            "accountId": "skerry",
            **came.domain(),
            "http": came.http(),
            "requestId": came.id,
            "time": came.time_as("%Y-%m-%dT%H:%M:%SZ"),
            "timeEpoch": str(came.time_ms),
        },
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _scf_event(came):
    """Of an API gateway; a function URL's says less of the same."""
    return {
        "requestContext": {
            "serviceId": f"service-{came.fn}",
            "path": came.path,
            "httpMethod": came.method,
            "requestId": came.id,
            "identity": {},
            "sourceIp": came.source_ip,
            "stage": "release",
        },
        "headers": {**came.headers, "x-scf-remote-addr": came.source_ip},
        "body": came.body,
        "isBase64Encoded": came.is_base64,
        "pathParameters": came.params or {},
        "queryStringParameters": {},
        "headerParameters": {},
        "stageVariables": {"stage": "release"},
        "path": came.path,
        "queryString": _scf_query_of(came.raw_query),
        "httpMethod": came.method,
    }


def _scf_query_of(raw_query):
    """A list of what is repeated, `true` for a name alone."""
    alone = {unquote_plus(pair) for pair in raw_query.split("&") if pair and "=" not in pair}
    found = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        found.setdefault(name, []).append(True if value == "" and name in alone else value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _lambda_answer(result):
    """A str is the body as it is. Raises AnswerFault."""
    if _is_parts(result):
        return _checked_answer(result, JSON_TYPE)
    if isinstance(result, str):
        return 200, JSON_TYPE, result.encode("utf-8", "replace")
    return answer_of_invocation(result)


def _scf_answer(result):
    """Whatever is no response in parts is told as JSON. Raises AnswerFault."""
    return _checked_answer(result) if _is_parts(result) else answer_of_invocation(result)


def _fc_answer(result):
    """What comes out of a function is bytes there: text that is JSON counts as what it says."""
    if isinstance(result, str):
        body, untold = result.encode("utf-8", "replace"), TEXT_TYPE
    elif isinstance(result, BYTES):
        body, untold = bytes(result), BYTES_TYPE
    else:
        return _checked_answer(result, JSON_TYPE) if _is_parts(result) else json_answer(result)
    try:
        said = decode_json(body.decode())
    except (ValueError, RecursionError):
        return 200, untold, body
    return _checked_answer(said, JSON_TYPE) if _is_parts(said) else (200, JSON_TYPE, body)


def _is_parts(result):
    return isinstance(result, dict) and "statusCode" in result


def _checked_answer(parts, untyped=None):
    """A status may be text, and base64 has to be some: both are so there."""
    parts = dict(parts)
    status, body = parts["statusCode"], parts.get("body")
    if isinstance(status, str) and _STATUS(status):
        parts["statusCode"] = int(status)
    if parts.get("isBase64Encoded") is True and isinstance(body, str):
        digits = body.rstrip("=")
        try:
            parts["body"] = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
        except (binascii.Error, ValueError):
            why = f"`body` is {show(body)}; with `isBase64Encoded` it must be base64"
            raise AnswerFault(why) from None
    return answer_from_parts(parts, untyped)


def _lambda_text_of(content_type, body):
    """Forms, and bodies that say nothing of what they are, are base64 there."""
    if body and (content_type is None or _FORM(content_type)):
        return None
    return text_of(content_type, body)


_FORMATS = {
    "scf": (_scf_event, _scf_answer, text_of),
    "fc": (_fc_event, _fc_answer, text_of),
    "lambda": (_lambda_event, _lambda_answer, _lambda_text_of),
}
