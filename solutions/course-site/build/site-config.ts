/** What `site.config.ts` says. */

export interface PageConfig {
  /** As a route writes it. The page is `site/pages/NAME.tsx`, its content `NAME-content.ts`. */
  readonly path: string;
  /** How long a shared cache keeps a render. */
  readonly cacheSeconds: number;
  /** Parameters of the query that make another render; all others are ignored. */
  readonly query?: readonly string[];
  /** What a purge of kept renders may name. */
  readonly tags?: readonly string[];
}

export interface SiteConfig {
  readonly app: string;
  readonly pages: Readonly<Record<string, PageConfig>>;
  readonly coldMs: number;
  readonly staleSeconds: number;
}
