/** A source tree of one file as an upload. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { sourceDigest } from "@skerry/code-store";

export interface SourceZip {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** The folder with `index.ts` of this text, packed without compression. APPNOTE 6.3.10. */
export function sourceZip(text: string): SourceZip {
  const name = Buffer.from("index.ts");
  const content = Buffer.from(text);
  const sha256 = createHash("sha256").update(content).digest("hex");
  const entry = { path: "index.ts", executable: false, bytes: content.length, sha256 };
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(crc32(content), 0);
  sizes.writeUInt32LE(content.length, 4);
  sizes.writeUInt32LE(content.length, 8);
  const local = Buffer.concat([header(0x04034b50, 30), name]);
  sizes.copy(local, 14);
  local.writeUInt16LE(name.length, 26);
  const record = Buffer.concat([header(0x02014b50, 46), name]);
  sizes.copy(record, 16);
  record.writeUInt16LE(name.length, 28);
  record.writeUInt16LE(20, 6);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(record.length, 12);
  end.writeUInt32LE(local.length + content.length, 16);
  return { digest: sourceDigest([entry]), bytes: Buffer.concat([local, content, record, end]) };
}

function header(signature: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUInt32LE(signature, 0);
  buffer.writeUInt16LE(20, 4);
  return buffer;
}
