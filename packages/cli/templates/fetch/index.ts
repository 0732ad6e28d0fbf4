import type { FetchHandler } from "./skerry.d.ts";

/** A web handler: takes a Request, answers with a Response, both of which may stream. */
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (request.method === "POST") return Response.json({ got: await request.text() });
    return Response.json({ message: "Hello!", path: pathname });
  },
} satisfies FetchHandler;
