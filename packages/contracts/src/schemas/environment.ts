/** Environment variables that users set: of a function, and laid over it by an alias. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

export const envName = z
  .string()
  .regex(NAME, "An environment name is letters, digits and _, not led by a digit.")
  .refine(
    (name) => !name.startsWith("SKERRY_"),
    "Environment names that begin with SKERRY_ belong to the platform.",
  );

export const variables = z
  .record(envName, z.string())
  .refine(
    (record) => utf8Bytes(JSON.stringify(record)) <= LIMITS.envBytesMax,
    `All environment values together may take ${LIMITS.envBytesMax} bytes.`,
  );
export type Variables = Readonly<Record<string, string>>;

/** Bytes of well-formed or lone UTF-16 in UTF-8. */
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
