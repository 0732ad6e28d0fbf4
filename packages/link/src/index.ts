export { FrameDecoder, type DecodeFault } from "./decoder.ts";
export {
  FLAG_END,
  FrameType,
  HEADER_BYTES,
  LINK_LIMITS,
  LINK_VERSION_MAX,
  LINK_VERSION_MIN,
  type Frame,
} from "./frames.ts";
export {
  Link,
  type HelloFacts,
  type LinkDeps,
  type LinkOptions,
  type OpenedStream,
  type PeerHello,
} from "./link.ts";
export {
  decodeEachPiece,
  decodePieces,
  encodePieces,
  type Piece,
  type PieceBounds,
  type ToldPiece,
} from "./pieces.ts";
export type { BytePipe, PipeListener, ScheduleFlush, TextPort } from "./ports.ts";
export { IGNORING_STREAM, LinkStream, type OpenRequest, type StreamHandler } from "./stream.ts";
export {
  bufferText,
  socketPipe,
  stopReading,
  type BufferHost,
  type SocketLike,
  type SocketPipe,
} from "./socket-pipe.ts";
