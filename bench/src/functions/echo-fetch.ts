/** The same work as a fetch handler. */
export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json({ ok: true, you: await request.json() });
  },
};
