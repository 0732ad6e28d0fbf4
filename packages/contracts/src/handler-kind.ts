/** Apart from the configuration's schema, which runtimes beside user code must not carry. */

/** How the code takes requests; found when the built code is first loaded. `web` is a server. */
export const HANDLER_KINDS = ["event", "fetch", "web"] as const;
export type HandlerKind = (typeof HANDLER_KINDS)[number];

export function isHandlerKind(value: unknown): value is HandlerKind {
  return HANDLER_KINDS.some((kind) => kind === value);
}

/** What a web server is told as $PORT when the configuration names none. SCF's web functions. */
export const WEB_PORT = 9_000;
