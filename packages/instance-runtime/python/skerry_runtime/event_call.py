"""Calls an event handler: with an invocation's own event, or with an HTTP event for a call of the
function's URL. The handler is a plain function (on a thread) or a coroutine function (on the loop).
"""

from .http_event import AnswerFault, headers_of, parse_event
from .invocation_context import Context
from .parts_sender import PartsSender, stream_of
from .refusals import body_too_large, event_not_json
from .user_error import describe

# Buffered body of one request; LIMITS.payloadBytesMax of the contracts.
BODY_BYTES_MAX = 6 << 20
# Content type of an event that is not parsed; BYTES_EVENT_TYPE of the contracts.
BYTES_EVENT_TYPE = "application/json; event=bytes"


class EventRunner:
    """Runs whole requests to their answers. Nothing that user code raises leaves it, except
    `SystemExit`, which ends the process.
    """

    streams_body = False

    def __init__(self, handler, facts, log, failures):
        self._handler = handler
        self._facts = facts
        self._log = log
        self._failures = failures
        self._shapes = facts.shapes

    def run(self, call, body):
        """A handler that is a plain function."""
        event = self._event_of(call, body)
        if event is _REFUSED:
            return
        try:
            result = self._handler(event, Context(call, self._facts, self._log))
            if hasattr(result, "__await__"):
                result = self._failures.wait_for(result)
        except BaseException as error:
            self._failures.raised(call, error)
            return
        stream = stream_of(result)
        if stream is None:
            self._finish(call, result)
        else:
            self._stream(call, *stream)

    async def run_async(self, call, body):
        """A handler that is a coroutine function."""
        event = self._event_of(call, body)
        if event is _REFUSED:
            return
        try:
            result = self._handler(event, Context(call, self._facts, self._log))
            if hasattr(result, "__await__"):
                result = await result
        except BaseException as error:
            self._failures.raised(call, error)
            return
        stream = stream_of(result)
        if stream is None:
            self._finish(call, result)
        else:
            await self._stream_async(call, *stream)

    def _stream(self, call, head, parts):
        """On a thread; an async generator runs on the loop for awaitables."""
        sender = None
        try:
            call.gate = self._facts.engine.gate()
            sender = PartsSender(call, head)
            if hasattr(parts, "__aiter__"):
                parts = _blocking(parts, self._failures.wait_for)
            sender.send(parts)
        except BaseException as error:
            self._broken(call, sender, error)

    async def _stream_async(self, call, head, parts):
        sender = None
        try:
            call.gate = self._facts.engine.gate()
            sender = PartsSender(call, head)
            await sender.send_async(parts)
        except BaseException as error:
            self._broken(call, sender, error)

    def _broken(self, call, sender, error):
        if sender is not None and sender.began:
            if not call.gone or isinstance(error, SystemExit):
                self._failures.broke_off(call, error)
        elif isinstance(error, AnswerFault):
            self._failures.bad_response(call, str(error))
        else:
            self._failures.raised(call, error)

    def _event_of(self, call, body):
        if body is None:
            self._refuse(call, body_too_large(BODY_BYTES_MAX))
            return _REFUSED
        if call.head["m"] != "EVENT":
            return self._shapes.http_event_of(call.head, body)
        try:
            is_bytes = self._shapes.events_are_bytes or _is_bytes(call.head["h"])
            return bytes(body) if is_bytes else parse_event(body)
        except ValueError as error:
            self._refuse(call, event_not_json(str(error)))
            return _REFUSED

    def _finish(self, call, result):
        """Looking at a result may run user code; what that raises is a fault of the result."""
        if call.gone:
            return
        try:
            shapes, is_event = self._shapes, call.head["m"] == "EVENT"
            make = shapes.answer_of_invocation if is_event else shapes.answer_from_result
            status, headers, body = make(result)
        except AnswerFault as fault:
            self._failures.bad_response(call, str(fault))
            return
        except Exception as error:
            self._failures.bad_response(call, f"it cannot be read ({describe(error)[1]})")
            return
        bytes_max = self._facts.payload_bytes_max
        if len(body) > bytes_max:
            self._too_large(call, f"The answer is larger than {bytes_max} bytes.")
        else:
            call.answer(status, headers, body)

    def _refuse(self, call, refusal):
        """The caller's mistake, not the function's: an ordinary answer with the error."""
        status, body = refusal
        call.answer(status, ["content-type", "application/json"], body)

    def _too_large(self, call, message):
        self._log.write("error", message, call.id)
        call.failed("too_large", "AnswerTooLarge", message)


def _is_bytes(flat):
    """Whether the handler gets its event as it came."""
    # Few events are: the others pay for one look.
    return BYTES_EVENT_TYPE in flat and headers_of(flat).get("content-type") == BYTES_EVENT_TYPE


def _blocking(parts, wait_for):
    """An async generator's parts, for a thread."""
    try:
        while True:
            try:
                yield wait_for(parts.__anext__())
            except StopAsyncIteration:
                return
    finally:
        close = getattr(parts, "aclose", None)
        if close is not None:
            wait_for(close())


_REFUSED = object()
