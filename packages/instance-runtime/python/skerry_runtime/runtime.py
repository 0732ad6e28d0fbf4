"""The life of an instance: blank, then specialised to one revision for good, then requests, many at
once. A second specialise is refused whatever it carries: an instance that took another's code would
keep the first one's state (CVE-2018-11756). Requests to a blank are refused.
"""

import json

from .call import NO_BODY, Call, StreamedBody, WholeBody
from .event_call import BODY_BYTES_MAX, EventRunner
from .invocation_context import InstanceFacts
from .output import redirect_logging
from .specialise import HandlerMissing, load_code
from .user_error import describe

_ALREADY = {
    "ok": False,
    "name": "AlreadySpecialised",
    "message": "An instance takes the code of one revision once in its life.",
}
_NO_CODE_CACHE = {
    "ok": False,
    "name": "NoCodeCache",
    "message": "There is a code cache only of a CommonJS bundle that was loaded.",
}


class Runtime:
    """Takes the streams that the peer opens. `engine` runs what follows from them."""

    def __init__(self, log, failures, engine):
        self._log = log
        self._failures = failures
        self._engine = engine
        self._state = "blank"
        self._runner = None

    def accept(self, stream, head_bytes, remaining_ms, body, end):
        """A new stream, on the reading thread."""
        try:
            head = json.loads(head_bytes)
            op = head["op"]
        except (ValueError, KeyError, TypeError):
            op = None
        if op == "request":
            self._request(stream, head, remaining_ms, body, end)
        elif op == "specialise":
            self._specialise(stream, head)
        elif op == "code-cache":
            _reply_json(stream, _NO_CODE_CACHE)
        else:
            stream.cancel("a head that this runtime does not know")

    def _request(self, stream, head, remaining_ms, body, end):
        runner = self._runner
        if runner is None:
            stream.cancel(f"the instance is {self._state}")
            return
        engine = self._engine
        call = Call(stream, head, remaining_ms)
        stream.handler = call
        if runner.streams_body:
            call.gate = engine.gate()
            call.body = StreamedBody(call, body, end)
            engine.submit(runner, call, None)
        elif end:
            call.body = NO_BODY
            engine.submit(runner, call, body)
        else:
            call.body = WholeBody(
                stream, BODY_BYTES_MAX, lambda whole: engine.submit(runner, call, whole)
            )
            call.body.push(body, False)

    def _specialise(self, stream, head):
        if self._state != "blank":
            _reply_json(stream, _ALREADY)
            return
        self._state = "loading"
        self._failures.code_directory = head["codeDirectory"]
        self._engine.submit_start(lambda: self._load(stream, head))

    def _load(self, stream, head):
        """Runs user code for the first time, on the main thread."""
        try:
            redirect_logging(self._log)
            code = load_code(head)
            runner = self._runner_of(code, InstanceFacts(head, self._engine.call))
            self._engine.start(code, runner)
        except HandlerMissing as missing:
            self._state = "failed"
            self._log.write("error", str(missing))
            reply = {"ok": False, "name": "HandlerMissing", "message": str(missing)}
        except BaseException as error:
            if isinstance(error, SystemExit):
                self._failures.exit(error)
            self._state = "failed"
            self._log.write("error", self._failures.text_of(error))
            name, message = describe(error)
            reply = {"ok": False, "name": name, "message": message}
        else:
            self._runner = runner
            self._state = "ready"
            reply = {
                "ok": True,
                "handlerKind": code.handler_kind,
                "codeUs": code.code_us,
                "initUs": code.init_us,
                "codeCacheUsed": False,
            }
        _reply_json(stream, reply)

    def _runner_of(self, code, facts):
        if code.shape == "wsgi":
            from .wsgi_call import WsgiRunner as Runner
        elif code.shape == "asgi":
            from .asgi_call import AsgiRunner as Runner
        else:
            Runner = EventRunner
        return Runner(code.call, facts, self._log, self._failures)


def _reply_json(stream, reply):
    stream.reply(json.dumps(reply).encode(), b"", True)
