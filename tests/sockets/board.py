"""A board as its users write it, in Starlette: whoever posts is heard by all."""

from starlette.applications import Starlette
from starlette.exceptions import WebSocketException
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

readers = set()


def count(request):
    return JSONResponse({"readers": len(readers)})


async def board(socket):
    if socket.query_params["token"] != "open":
        raise WebSocketException(code=1008)
    await socket.accept()
    readers.add(socket)
    try:
        while True:
            post = await socket.receive_json()
            for reader in readers:
                await reader.send_json({"board": socket.path_params["name"], **post})
    except WebSocketDisconnect as left:
        print("left with", left.code, left.reason)
    finally:
        readers.discard(socket)


app = Starlette(routes=[Route("/readers", count), WebSocketRoute("/board/{name}", board)])
