/**
 * `fetch` that keeps no connection: a platform that stops would wait for it, and one that lay idle
 * may be closed by the server at the moment in which the next request is sent.
 */
export const fetchOnce: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set("connection", "close");
  return fetch(input, { ...init, headers });
};
