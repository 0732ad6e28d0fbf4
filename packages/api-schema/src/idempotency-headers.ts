/** How a change is made safe to repeat. */
export const IDEMPOTENCY_HEADERS = {
  /** Request header: names the intended change. */
  key: "Idempotency-Key",
  /** Visible ASCII characters that a key has at most. */
  keyCharsMax: 200,
  /** Response header of a stored answer. */
  replayed: "Idempotent-Replayed",
} as const;
