"""ASGI's lifespan protocol, as far as an instance has one: the application's start-up runs before
the first request. There is no shut-down event: an instance ends with its link, at once.
"""

import asyncio


class StartupFailed(Exception):
    """The application said that it cannot start."""


async def start_application(application, state):
    """Runs the start-up. An application that does not know the protocol is served without.

    Raises StartupFailed with what the application said.
    """
    started = asyncio.get_running_loop().create_future()
    received = False

    async def receive():
        nonlocal received
        if not received:
            received = True
            return {"type": "lifespan.startup"}
        return await asyncio.get_running_loop().create_future()

    async def send(message):
        if started.done():
            return
        if message["type"] == "lifespan.startup.complete":
            started.set_result(None)
        elif message["type"] == "lifespan.startup.failed":
            started.set_exception(StartupFailed(message.get("message", "")))

    async def live():
        try:
            scope = {
                "type": "lifespan",
                "asgi": {"version": "3.0", "spec_version": "2.0"},
                "state": state,
            }
            await application(scope, receive, send)
        except Exception:
            # The specification's way to say that an application has no lifespan.
            pass
        finally:
            if not started.done():
                started.set_result(None)

    task = asyncio.get_running_loop().create_task(live())
    await started
    return task
