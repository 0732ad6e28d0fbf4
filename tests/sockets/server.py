"""A WebSocket server of nothing but Python's own library: it gives back what it gets, in capitals."""

import base64
import hashlib
import os
import socketserver

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        path = self.rfile.readline().split()[1]
        headers = {}
        while line := self.rfile.readline().strip():
            name, value = line.split(b":", 1)
            headers[name.lower()] = value.strip()
        if headers.get(b"upgrade") != b"websocket":
            self.wfile.write(b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 4\r\n\r\nhttp")
            return
        accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + GUID).digest())
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.send(1, b"hello " + path + b" from " + headers.get(b"origin", b"nowhere"))
        while True:
            opcode, payload = self.receive()
            self.send(opcode, payload if opcode == 8 else payload.upper())
            if opcode == 8:
                return

    def receive(self):
        first, second = self.rfile.read(2)
        length = second & 127
        if length > 125:
            length = int.from_bytes(self.rfile.read(2 if length == 126 else 8), "big")
        mask = self.rfile.read(4)
        payload = self.rfile.read(length)
        return first & 15, bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))

    def send(self, opcode, payload):
        length = len(payload)
        size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        self.wfile.write(bytes([128 | opcode]) + size + payload)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


Server(("127.0.0.1", int(os.environ["PORT"])), Client).serve_forever()
