/** Where requests carry who calls. Node keeps the first of two such headers; guards keep none. */
import type { IncomingMessage } from "node:http";
import { failGuard } from "./errors.ts";

/** Throws when the header came more than once. `name` is in lower case. */
export function assertOnce({ rawHeaders }: IncomingMessage, name: string): void {
  let times = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const one = rawHeaders[at] ?? "";
    if (one.length === name.length && one.toLowerCase() === name) times += 1;
  }
  if (times > 1) throw failGuard("ROUTE_CREDENTIALS_AMBIGUOUS", { where: `header ${name}` });
}
