/**
 * What one client may ask of a listening socket. Every field is a bound; none can be switched off.
 */
export interface HttpLimits {
  /** All header lines of a request together, the request line included. Above: 431. */
  readonly headerBytesMax: number;
  /** Header lines of a request. Above: 431. */
  readonly headersMax: number;
  /** From the first byte (or the connection) to the end of the headers. Above: 408. */
  readonly headersTimeoutMs: number;
  /** From the first byte to the end of the body, for the slowest upload. Above: 408. */
  readonly requestTimeoutMs: number;
  /**
   * A connection without a request is closed after this (plus one second of grace for the client).
   */
  readonly keepAliveTimeoutMs: number;
  /**
   * A response that the client does not read is cut after this (to one and a quarter of it) without
   * progress; so is a client that goes on so long with a request that has been refused.
   */
  readonly stallTimeoutMs: number;
  /** Open connections; more are closed as they come. */
  readonly connectionsMax: number;
}

/** For a public gateway in front of functions. */
export const DEFAULT_LIMITS: HttpLimits = {
  headerBytesMax: 16 << 10,
  headersMax: 128,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 300_000,
  keepAliveTimeoutMs: 5_000,
  stallTimeoutMs: 60_000,
  connectionsMax: 10_000,
};
