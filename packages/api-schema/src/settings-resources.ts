/**
 * What functions are given beside their code: secrets, whose values go in and never come out of the
 * API, and config objects, the small files of an app.
 */
import { LIMITS } from "@skerry/contracts";
import { z } from "zod";

const time = z.string().describe("ISO 8601, UTC.");
const etag = z.string().describe("Changes with every write; send it as `If-Match`.");

/** A secret without its value, which no answer ever carries. */
export const secretResource = z.object({
  id: z.string(),
  name: z.string(),
  app: z.string().nullable().describe("Null for a secret of the whole account."),
  version: z.int().describe("Counts the values it was given."),
  createdAt: time,
  updatedAt: time,
  etag,
});
export type SecretResource = z.infer<typeof secretResource>;

export const secretRequest = z.strictObject({
  value: z
    .string()
    .min(1)
    .refine((value) => !value.includes("\0"), "An environment variable cannot hold NUL.")
    .refine(
      (value) => value.isWellFormed() && jsonBytes(value) <= LIMITS.secretBytesMax,
      `A secret is text of at most ${LIMITS.secretBytesMax} bytes, as JSON.`,
    )
    .describe("The value: text. It is sealed before it is stored."),
});

/** What a rotation of the master key came to. */
export const keyRotation = z.object({
  keyId: z.string().describe("Names the master key that is in use now."),
  rewrapped: z.int().describe("Secrets whose data keys were wrapped anew."),
  complete: z
    .boolean()
    .describe("False while former keys are kept: a secret cannot be opened, or a node is behind."),
});

/** A config object without its content. */
export const configObjectResource = z.object({
  id: z.string(),
  name: z.string(),
  app: z.string(),
  version: z.int().describe("Counts the contents it was given."),
  bytes: z.int(),
  createdAt: time,
  updatedAt: time,
  etag,
});
export type ConfigObjectResource = z.infer<typeof configObjectResource>;

/** How bytes stand in JSON. */
export const CONTENT_ENCODINGS = ["utf8", "base64"] as const;
export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number];

const content = {
  content: z.string(),
  encoding: z.enum(CONTENT_ENCODINGS).describe("How `content` stands for the bytes."),
};

export const configObjectContent = configObjectResource.extend(content);
export type ConfigObjectContent = z.infer<typeof configObjectContent>;

export const configObjectRequest = z.strictObject({
  ...content,
  encoding: content.encoding.default("utf8"),
});

/** Bytes of `text` as JSON: what the head that carries it has to hold. */
function jsonBytes(text: string): number {
  let bytes = 0;
  for (const character of JSON.stringify(text)) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
