import { renderPage } from "./page.tsx";

/** Renders the page for each request and streams it. */
export default {
  async fetch(request: Request): Promise<Response> {
    const name = new URL(request.url).searchParams.get("name") ?? "world";
    const body = await renderPage(name);
    return new Response(body, { headers: { "content-type": "text/html; charset=utf-8" } });
  },
};
