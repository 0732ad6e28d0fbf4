/**
 * The site, page by page. `build/` makes one function of each page, with what that page needs and
 * no more, and the routes of the gateway API in front of them.
 */
import type { SiteConfig } from "./build/site-config.ts";

export const SITE: SiteConfig = {
  app: "courses",
  pages: {
    list: { path: "/", cacheSeconds: 60, query: ["q", "topic"], tags: ["catalogue"] },
    detail: { path: "/courses/{course}", cacheSeconds: 300, tags: ["catalogue"] },
    player: { path: "/courses/{course}/lessons/{lesson}", cacheSeconds: 300, tags: ["lessons"] },
    account: { path: "/account", cacheSeconds: 3_600 },
  },
  // A page is rendered by its function unless that takes longer than this to start.
  coldMs: 400,
  // How long a page may be shown that is being rendered anew, or whose function fails.
  staleSeconds: 86_400,
};
