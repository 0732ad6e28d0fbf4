/** What Python's code reaches the network by, in threads and on the loop, blocked or not. */
import { testReach } from "../test/reach-cases.ts";
import { python } from "../test/languages.ts";

const SOURCE = `
import os, socket
from urllib.parse import urlsplit
kept = None
def db():
    return socket.create_connection((os.environ["DB_HOST"], int(os.environ["DB_PORT"])))
def read_all(connection):
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)
def talk(event):
    text = b""
    try:
        connection = db()
        connection.sendall(event["say"].encode())
        while part := connection.recv(1 << 16):
            text += part
            if text.endswith(b"?"):
                connection.sendall(b"bye")
                connection.shutdown(socket.SHUT_WR)
        return {"text": text.decode()}
    except OSError:
        return {"text": text.decode(), "error": True}
def keep(event):
    global kept
    kept = kept or db()
    kept.sendall(event["say"].encode())
    text = b""
    while not text.endswith(b"\\n"):
        text += kept.recv(1 << 16)
    return {"text": text.decode().strip()}
def echo(event):
    import threading
    connection = db()
    def send():
        connection.sendall(b"x" * event["bytes"])
        connection.shutdown(socket.SHUT_WR)
    threading.Thread(target=send).start()
    return {"bytes": len(read_all(connection))}
def proxy(event):
    place = urlsplit(os.environ["HTTP_PROXY"])
    connection = socket.create_connection((place.hostname, place.port))
    connection.sendall(event["say"].encode())
    return {"text": read_all(connection).decode()}
def reset(event):
    import struct
    connection = db()
    connection.sendall(event["say"].encode())
    text = connection.recv(100).decode()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return {"text": text}
def env(event):
    return [os.environ.get(name) for name in event["names"]]
%DEF handler(event, context):
    return globals()[event["do"]](event)
`;

for (const [name, def] of Object.entries({ function: "def", coroutine: "async def" })) {
  testReach({
    name: `Python, ${name}`,
    missing: python.missing,
    run: (t, specialise) => python.run(t, SOURCE.replace("%DEF", def), { specialise }),
  });
}
