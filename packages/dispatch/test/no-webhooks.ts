/** For plays in which nothing is told to a webhook. */
import type { DispatchDeps } from "../src/ports.ts";

export const NO_WEBHOOKS: DispatchDeps["webhooks"] = {
  network: {
    isNamed: () => false,
    connect: () => Promise.reject(new TypeError("nobody is to be told")),
  },
  open: () => Promise.reject(new TypeError("there is no secret")),
};
