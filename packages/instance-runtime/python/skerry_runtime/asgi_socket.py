"""Calls an ASGI 3 application with the websocket scope: its handshake, the two ends that it is given,
and what becomes of a WebSocket whose application returns or raises. Loaded with the first request
that asks for one.
"""

import base64
import hashlib
import time

from .asgi_call import BadResponse, HttpExchange, flat_headers
from .web_socket import Gone, WebSocket

_HANDSHAKE_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DENIAL = "websocket.http.response."
_FORBIDDEN = 403
_ABNORMAL = 1006


class SocketExchange:
    """One request that asks for a WebSocket, to the end of what it gets."""

    def __init__(self, call, context, failures):
        self._call = call
        self._context = context
        self._failures = failures
        self._is_connect_told = False
        # At most one of the three is set: open; answered like HTTP; refused with 403.
        self._socket = None
        self._denial = None
        self._is_refused = False

    def scope(self, scope):
        """The request as ASGI wants it, from what is so for HTTP too."""
        scope = {
            **scope,
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "scheme": "wss" if scope["scheme"] == "https" else "ws",
            "subprotocols": self._offered(),
        }
        del scope["method"]
        scope["extensions"]["websocket.http.response"] = {}
        return scope

    async def receive(self):
        """The wish to connect, then the client's messages, then the end."""
        if not self._is_connect_told:
            self._is_connect_told = True
            return {"type": "websocket.connect"}
        await self._call.gate.wait(lambda: self._socket is not None or self._is_answered)
        message = None if self._socket is None else await self._socket.next()
        if message is not None:
            key = "text" if isinstance(message, str) else "bytes"
            return {"type": "websocket.receive", key: message}
        over = (_ABNORMAL, self._call.aborted or "") if self._socket is None else self._socket.over
        return {"type": "websocket.disconnect", "code": over[0], "reason": over[1]}

    async def send(self, message):
        """Raises Gone, an OSError, where nothing can be sent any more."""
        kind = message["type"]
        if self._socket is not None:
            await self._send_open(kind, message)
        elif self._is_answered:
            raise Gone("The request for a WebSocket is answered, or its client is gone.")
        elif kind.startswith(_DENIAL):
            await self._deny({**message, "type": kind[len("websocket.") :]})
        elif kind == "websocket.accept" and self._denial is None:
            self._accept(message)
        elif kind == "websocket.close" and self._denial is None:
            self._is_refused = True
            self._call.answer(_FORBIDDEN, [], b"")
            self._call.gate.notify()
        else:
            raise BadResponse(f"the application sent a message of type {kind!r:.100} at its start")

    def returned(self):
        """The application is done: what is open is closed."""
        if self._socket is not None:
            if not self._socket.is_closing:
                self._socket.close(1000)
        elif self._denial is not None:
            self._denial.returned()
        elif not self._is_answered:
            fault = "the application neither accepted nor refused the WebSocket"
            self._failures.bad_response(self._call, fault)

    def failed(self, error):
        """The application raised: what is open is closed with 1011."""
        if isinstance(error, SystemExit):
            self._failures.exit(error)
        is_over = self._is_answered if self._socket is None else self._socket.is_closing
        if is_over:
            # Who sends to somebody who has just left has done nothing wrong.
            if not isinstance(error, Gone):
                self._failures.log.write("error", self._failures.text_of(error), self._call.id)
        elif self._socket is None:
            (self._denial or HttpExchange(self._call, self._failures)).failed(error)
        else:
            text = f"The WebSocket is closed with 1011: {self._failures.text_of(error)}"
            self._failures.log.write("error", text, self._call.id)
            self._socket.fail(str(error) or type(error).__name__)

    @property
    def _is_answered(self):
        denied = self._denial is not None and self._denial.complete
        return self._is_refused or denied or self._call.aborted is not None

    def _accept(self, message):
        chosen = message.get("subprotocol")
        if chosen is not None and chosen not in self._offered():
            raise BadResponse(f"the client did not offer the subprotocol {chosen!r:.100}")
        headers = flat_headers(message.get("headers") or ())
        if any(name.startswith("sec-websocket-") for name in headers[::2]):
            raise BadResponse("the application accepted with a header of the handshake itself")
        key = self._header("sec-websocket-key").encode("latin-1")
        accept = base64.b64encode(hashlib.sha1(key + _HANDSHAKE_GUID).digest()).decode()
        flat = ["sec-websocket-accept", accept]
        if chosen is not None:
            flat += ["sec-websocket-protocol", chosen]
        call = self._call
        self._socket = call.body = WebSocket(call, self._warn)
        call.switch([*flat, *headers, "upgrade", "websocket"])
        self._context.deadline_ms = int(time.time() * 1000) + call.head["up"]["ms"]
        call.gate.notify()

    async def _deny(self, message):
        """Answers like HTTP, by the extension `websocket.http.response`."""
        if self._denial is None:
            self._denial = HttpExchange(self._call, self._failures)
        await self._denial.send(message)

    async def _send_open(self, kind, message):
        if kind == "websocket.send":
            text, payload = message.get("text"), message.get("bytes")
            if (text is None) == (payload is None):
                raise ValueError("A websocket.send has either text or bytes.")
            await self._socket.send(bytes(payload) if text is None else text)
        elif kind == "websocket.close":
            code = message.get("code")
            self._socket.close(1000 if code is None else code, message.get("reason") or "")
        else:
            raise BadResponse(f"the application sent a message of type {kind!r:.100} when open")

    def _offered(self):
        offered = self._header("sec-websocket-protocol").split(",")
        return [name.strip() for name in offered if name.strip()]

    def _header(self, name):
        """All that the client sent of it, joined."""
        flat = self._call.head["h"]
        return ",".join(flat[at + 1] for at in range(0, len(flat), 2) if flat[at] == name)

    def _warn(self, text):
        self._failures.log.write("warn", text, self._call.id)
