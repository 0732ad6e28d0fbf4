/** What the access log tells of a request of a stage, as JSON in the text of its line. */
export interface AccessFacts {
  readonly stage: string;
  readonly publication: number;
  /** Undefined when no route took it. */
  readonly route: string | undefined;
  readonly method: string;
  /** Without the query, which may hold what is nobody's to read. */
  readonly path: string;
  /** 499: the client left before it was answered. */
  readonly status: number;
  /** Of the answer's body. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly clientIp: string;
  readonly principal: string | undefined;
  /** `hit`, or why the answer was none that was kept (RFC 9211). */
  readonly cache: string | undefined;
  /** Why something else than the route's target answered. */
  readonly downgrade?: string | undefined;
  /** That was asked. */
  readonly function: string | undefined;
  readonly version: number | undefined;
  /** Of the error that the platform answered. */
  readonly reason: string | undefined;
}
