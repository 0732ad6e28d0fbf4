"""The life of an instance: blank, then specialised to one revision for good, then requests, many at
once. A second specialise is refused whatever it carries: an instance that took another's code would
keep the first one's state (CVE-2018-11756). Requests to a blank are refused.
"""

import json
import time

from .call import NO_BODY, Call, StreamedBody, WholeBody
from .event_call import BODY_BYTES_MAX, EventRunner
from .hooks import InstanceContext, find_hook
from .invocation_context import InstanceFacts
from .output import redirect_logging
from .reach import open_reach
from .specialise import HandlerMissing, load_code
from .user_error import describe, without_secrets
from .web_request import stay_in_http

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
        self._pre_stop = None

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
        elif op == "pre-stop":
            self._stop(stream)
        elif op == "abort":
            self._abort(head.get("r"))
            _reply_json(stream, {})
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
            if "up" in head and head["up"]["p"] not in runner.switches_to:
                stay_in_http(head)
                end = True
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

    def _abort(self, request_id):
        """The request is to end by itself."""
        for handler in self._engine.link.handlers():
            if isinstance(handler, Call) and handler.id == request_id:
                handler.ask_to_end()

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
            open_reach(head, self._engine, self._log)
            code = load_code(head)
            facts = InstanceFacts(head, self._engine)
            runner = self._runner_of(code, facts)
            self._engine.start(code, runner)
            self._pre_stop = self._run_init(head, code, facts)
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
            reply = {"ok": False, "name": name, "message": without_secrets(message)}
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
            if self._pre_stop is not None:
                reply["preStop"] = True
        _reply_json(stream, reply)

    def _run_init(self, head, code, facts):
        """Runs the code's `init`; returns what runs its `pre_stop`, or what ends its lifespan."""
        started = time.monotonic()
        context = InstanceContext(facts)
        init = None if head.get("noInit") else find_hook(code.module, "init")
        if init is not None:
            self._engine.run_now(lambda: init(context))
            code.init_us += round((time.monotonic() - started) * 1e6)
        pre_stop = find_hook(code.module, "pre_stop")
        if pre_stop is not None:
            return lambda: pre_stop(context)
        return None

    def _stop(self, stream):
        """Runs `pre_stop`; no request runs any more."""

        def done(error=None):
            if error is not None:
                self._log.write("error", f"pre_stop failed: {self._failures.text_of(error)}")
            _reply_json(stream, {})

        if self._pre_stop is None:
            done()
        else:
            self._engine.run_last(self._pre_stop, done)

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
