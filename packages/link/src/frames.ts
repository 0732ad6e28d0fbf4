/**
 * The wire format of a link. A frame is a 12-byte header and a payload, all integers little-endian:
 *
 *   u32 payload bytes · u8 type · u8 flags · u16 channel · u32 stream · payload
 *
 * The channel names the instance when one pipe carries the frames of many (0 on an instance's own
 * pipe). OPEN carries `u32 remaining ms (0 = none) · u32 head bytes · head · body`, REPLY `u32 head
 * bytes · head · body`; the body of both counts against the stream's credit like DATA. Heads are
 * UTF-8 text whose meaning belongs to the users.
 */
export const FrameType = {
  HELLO: 1,
  OPEN: 2,
  REPLY: 3,
  DATA: 4,
  CREDIT: 5,
  CANCEL: 6,
  PING: 7,
  PONG: 8,
  NOTE: 9,
  PARK: 10,
  PARKED: 11,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The sender has no more body for this stream. */
export const FLAG_END = 1;

export const HEADER_BYTES = 12;
/** Versions of the protocol that this code speaks. */
export const LINK_VERSION_MIN = 1;
export const LINK_VERSION_MAX = 1;

/** Bounds that both sides hold; a peer that passes one is cut off. */
export const LINK_LIMITS = {
  /** Largest payload of one frame. */
  frameBytesMax: 1 << 20,
  /** Largest head of OPEN or REPLY and largest NOTE or HELLO. */
  headBytesMax: 512 << 10,
  /** Bytes of body a sender may have under way on one stream before it is granted more. */
  creditBytes: 256 << 10,
  /** Bodies are cut into pieces of at most this size, so that streams share a link fairly. */
  chunkBytes: 64 << 10,
  /** A body up to this size leaves in one frame with its head; none of a larger one does. */
  bodyWithHeadBytesMax: 64 << 10,
  /** Streams open at once on one link. */
  streamsMax: 65_536,
  /** Time for the peer's HELLO. */
  helloTimeoutMs: 10_000,
  /** Notes that a parked side keeps for its next peer; older ones are dropped first. */
  parkedNotesMax: 64,
} as const;

export interface Frame {
  type: number;
  flags: number;
  channel: number;
  stream: number;
  /**
   * Payload inside `bytes` from `start` to `end`; valid for as long as the caller keeps `bytes`.
   */
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Bytes of the same frame that are still to come; only a piece of DATA has any. */
  rest: number;
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 255;
  bytes[at + 1] = (value >>> 8) & 255;
  bytes[at + 2] = (value >>> 16) & 255;
  bytes[at + 3] = value >>> 24;
}
