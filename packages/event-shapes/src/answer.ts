/** A response before it is written to the stream. */
export interface Answer {
  readonly status: number;
  /** Names in lower case and values in turn. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
}
