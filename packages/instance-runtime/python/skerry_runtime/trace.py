"""The W3C trace that a request belongs to, as `packages/base/src/trace-context.ts` has it."""

import re

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1
_KNOWN_FLAGS = 3
_SPAN_CHARS = 16


def trace_of(head):
    """The caller's trace, or one that begins with this request. The gateway passes on only what can
    be read.
    """
    headers = dict(zip(head["h"][::2], head["h"][1::2]))
    sent = _TRACEPARENT.match(headers.get("traceparent", ""))
    own = head["id"].replace("-", "")
    trace_id, span_id, flags = sent.groups() if sent else (own, own[_SPAN_CHARS:], "00")
    known = int(flags, 16) & _KNOWN_FLAGS
    return {
        "trace_id": trace_id,
        "span_id": span_id,
        "sampled": known & _SAMPLED != 0,
        "traceparent": f"00-{trace_id}-{span_id}-0{known}",
        "tracestate": headers.get("tracestate") if sent else None,
    }
