"""A room as an ASGI application: it greets with its instance and gives back what it hears."""

import asyncio
import json
import os

members = 0


async def app(scope, receive, send):
    global members
    context = scope["extensions"]["skerry"]["context"]
    if scope["type"] != "websocket":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        return await send({"type": "http.response.body", "body": json.dumps({"members": members}).encode()})
    assert (await receive())["type"] == "websocket.connect"
    if scope["query_string"] == b"refuse":
        return await send({"type": "websocket.close", "code": 4003})
    if scope["query_string"] == b"deny":
        await send({"type": "websocket.http.response.start", "status": 429, "headers": [(b"retry-after", b"7")]})
        return await send({"type": "websocket.http.response.body", "body": b"too many"})
    chosen = "room.v1" if "room.v1" in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": chosen})
    members += 1
    await say(send, context.instance_id)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            await heard(message, send, context)
        print("closed with", message["code"])
    finally:
        members -= 1


async def say(send, message):
    await send({"type": "websocket.send", "bytes" if isinstance(message, bytes) else "text": message})


async def heard(message, send, context):
    text = message.get("text")
    if text == "die":
        os._exit(3)
    elif text == "raise":
        raise ValueError("on purpose")
    elif text == "tick":
        asyncio.create_task(tick(send))
    elif text == "call":
        await say(send, json.dumps(await context.call("snakes/hello", {"n": 1})))
    else:
        await say(send, message["bytes"] if text is None else text)


async def tick(send):
    while True:
        try:
            await say(send, "tick")
        except OSError:
            return
        await asyncio.sleep(0.05)
