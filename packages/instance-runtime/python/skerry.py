"""What user code may import: `from skerry import CallFailed`."""


class CallFailed(Exception):
    """`context.call` gave no result. `reason` says why: the called function's own (FUNCTION_FAILED
    with `details["errorName"]`, FUNCTION_THROTTLED, FUNCTION_NOT_FOUND and so on), CALL_TIMEOUT,
    CALL_STATUS for a status of 400 and above, CALL_ABANDONED. Or `context.publish` was not confirmed:
    TOPIC_NOT_FOUND, INPUT_INVALID, PUBLISH_FORBIDDEN, PUBLISH_TOO_LARGE, PUBLISH_AWAY with nothing
    published, PUBLISH_UNCONFIRMED when that is not known.
    """

    def __init__(self, wire):
        super().__init__(wire["message"])
        self.reason = wire["reason"]
        self.code = wire["code"]
        self.message = wire["message"]
        self.hint = wire.get("hint", "")
        self.retryable = wire.get("retryable", False)
        self.details = wire.get("details", {})
