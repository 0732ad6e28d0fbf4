/** Answers the body as it comes. */
export default {
  fetch(request: Request): Response {
    return new Response(request.body);
  },
};
