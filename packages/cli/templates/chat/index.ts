/** A chat room: the page for a GET, the room for a WebSocket. What was said last is kept in memory. */
import { readFileSync } from "node:fs";
import { Room } from "./room.ts";
import type { FetchHandler } from "./skerry.d.ts";

const page = readFileSync("page.html", "utf8");
const room = new Room();

/** Pages of other sites could open a socket here with their visitors' cookies. */
function isFromHere(request: Request): boolean {
  const origin = request.headers.get("origin");
  return origin === null || URL.parse(origin)?.host === new URL(request.url).host;
}

export default {
  fetch(request, _env, context) {
    if (request.headers.get("upgrade") !== "websocket") {
      return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    if (!isFromHere(request)) return new Response("Open the page itself.\n", { status: 403 });
    const { socket, response } = context.upgradeWebSocket(request);
    room.welcome(socket);
    return response;
  },
} satisfies FetchHandler;
