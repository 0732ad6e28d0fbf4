/** The bounds that whoever serves an API sets. */
export interface ServingLimits {
  /** Nesting of a JSON body. */
  readonly jsonDepthMax: number;
  /** For the last byte of a JSON body. */
  readonly bodyDeadlineMs: number;
  /** Requests of one key under way at once. */
  readonly keyRequestsOpenMax: number;
  /** How often a request that stays open is asked again for its right. */
  readonly rightsLookMs: number;
  /** 1: what has a tag is changed with If-Match only, else 0. */
  readonly ifMatchDemanded: number;
}
