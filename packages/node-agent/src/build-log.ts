/**
 * Sends what a build tells to whoever asked for it, and its reply as the last line. Bounded: the
 * beginning is sent as it comes; of what is too much the last lines come with the reply, because
 * they say how it ended.
 */
import { BUILD_LOG, type BuildLogLine, type BuildReply } from "@skerry/contracts";
import type { LinkStream } from "@skerry/link";

/** As much of a stream as this needs. */
export type BuildLogStream = Pick<LinkStream, "reply" | "write" | "end">;

export interface BuildLog {
  /** Control characters are left for whoever shows the line. */
  line(text: string): void;
  reply(reply: BuildReply): void;
}

/** Answers the stream at once, so that lines can follow. */
export function openBuildLog(stream: BuildLogStream): BuildLog {
  let bytesLeft: number = BUILD_LOG.bytesMax;
  let left = 0;
  const last: string[] = [];
  const send = (line: BuildLogLine): number => {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    stream.write(bytes);
    return bytes.length;
  };
  stream.reply(JSON.stringify({ log: true }), undefined, false);
  return {
    line(text) {
      const l = text.slice(0, BUILD_LOG.lineCharsMax);
      if (bytesLeft > 0) {
        bytesLeft -= send({ l });
        return;
      }
      last.push(l);
      if (last.length > BUILD_LOG.lastLinesMax) left += last.splice(0, 1).length;
    },
    reply(reply) {
      if (left > 0) send({ l: `… ${left} lines left out` });
      for (const l of last) send({ l });
      send({ r: reply });
      stream.end();
    },
  };
}
