/** What an instance double asks of the network. For tests only. */
import type { TunnelReplyHead } from "@skerry/contracts";
import type { LinkStream } from "@skerry/link";
import type { InstanceDouble } from "./world.ts";

/** A stream that an instance opened for a connection. */
export interface Line {
  readonly stream: LinkStream;
  readonly reply: Promise<TunnelReplyHead>;
  onWritable: () => void;
  text: string;
  ended: boolean;
  failed: boolean;
}

/** Opens it, as a runtime does. */
export function ask(instance: InstanceDouble, head: object): Line {
  const replied = Promise.withResolvers<TunnelReplyHead>();
  replied.promise.catch(() => undefined);
  const take = (chunk: Uint8Array, end: boolean): void => {
    line.text += Buffer.from(chunk).toString();
    line.ended = end;
    line.stream.grant(chunk.length);
  };
  const stream = instance.link.open(
    JSON.stringify(head),
    { end: false },
    {
      onReply(text, chunk, end) {
        replied.resolve(JSON.parse(text) as TunnelReplyHead);
        take(chunk, end);
      },
      onBody: take,
      onWritable: () => line.onWritable(),
      onFailed(error) {
        line.failed = true;
        replied.reject(error);
      },
    },
  );
  const onWritable = (): void => undefined;
  const line: Line = {
    ...{ stream, reply: replied.promise, onWritable, text: "", ended: false, failed: false },
  };
  return line;
}

/** `connected`, or why not. */
export async function reasonOf(line: Line): Promise<string> {
  const reply = await line.reply;
  return "e" in reply ? reply.e.reason : "connected";
}
