"""What code in the sandbox reaches the network by: a loopback port for each target of `connect`, and
one with a proxy for the web, in HTTP_PROXY and HTTPS_PROXY.

An instance that never connects pays a few sockets and a thread that sleeps on them; what serves
connections is loaded with the first one. It has a thread of its own because code blocks while it
waits for what it connected to.
"""

import os
import select
import threading

import _socket

LOOPBACK = "127.0.0.1"
_BACKLOG = 511
_PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_DIRECT_NAMES = ("NO_PROXY", "no_proxy")
_DIRECT = "localhost,127.0.0.1,::1"


class Listener:
    """A loopback port. `name` is the target's; None is the proxy."""

    def __init__(self, name):
        self.name = name
        self.socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
        self.socket.bind((LOOPBACK, 0))
        self.socket.listen(_BACKLOG)

    @property
    def port(self):
        """Where code finds it."""
        return self.socket.getsockname()[1]


def open_reach(head, engine, log):
    """Listens for what a specialise lets the code reach, and tells where in the environment. On the
    main thread, before the code is loaded.
    """
    listeners = []
    if not head.get("noWeb"):
        proxy = Listener(None)
        listeners.append(proxy)
        for name in _PROXY_NAMES:
            os.environ[name] = f"http://{LOOPBACK}:{proxy.port}"
        for name in _DIRECT_NAMES:
            os.environ[name] = _DIRECT
    for name in head.get("connect", ()):
        listener = Listener(name)
        listeners.append(listener)
        os.environ[f"{name.upper()}_HOST"] = LOOPBACK
        os.environ[f"{name.upper()}_PORT"] = str(listener.port)
    if listeners:
        work = (listeners, engine, log)
        threading.Thread(target=_serve, args=work, name="skerry-reach", daemon=True).start()


def _serve(listeners, engine, log):
    poller = select.poll()
    for listener in listeners:
        poller.register(listener.socket.fileno(), select.POLLIN)
    poller.poll()
    from .tunnels import Tunnels

    Tunnels(listeners, engine, log).run()
