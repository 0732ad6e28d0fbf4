"""What the runtime itself refuses, in the wire form of the platform's errors."""

import json


def event_not_json(why):
    """The caller sent something else: 400."""
    return 400, _wire(
        reason="EVENT_NOT_JSON",
        message=f"The event is not JSON: {why}.",
        hint="Send one JSON value, or nothing for {}.",
        details={"why": why},
    )


def body_too_large(bytes_max):
    """The caller sent more than a buffered handler takes: 413."""
    return 413, _wire(
        reason="REQUEST_BODY_TOO_LARGE",
        message=f"The request's body is larger than {bytes_max} bytes.",
        hint="Send less, or take the request with a web application, which streams.",
        details={"bytesMax": bytes_max},
    )


def _wire(*, reason, message, hint, details):
    error = {
        "code": "INVALID_ARGUMENT",
        "reason": reason,
        "message": message,
        "hint": hint,
        "retryable": False,
        "details": details,
    }
    return json.dumps({"error": error}).encode()
