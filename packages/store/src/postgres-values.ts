/**
 * PostgreSQL's values as the port promises them: whole numbers as numbers, truth as 0 or 1, bytes
 * as Uint8Array, everything else as text. Type ids: the server's pg_type.dat.
 */
import type { CustomTypesConfig } from "pg";
import { integerTooLarge } from "./values.ts";

const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  float4: 700,
  float8: 701,
} as const;
const OID_NUMERIC = 1700;

type Parser = (text: string) => string | number | Uint8Array;

const PARSERS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [OID.bool, (text) => (text === "t" ? 1 : 0)],
  [OID.bytea, parseBytes],
  [OID.int2, Number],
  [OID.int4, Number],
  [OID.int8, parseNumber],
  [OID_NUMERIC, parseNumber],
  [OID.float4, Number],
  [OID.float8, Number],
]);

const AS_TEXT: Parser = (text) => text;

/** For the driver's `types`; the protocol's text format is all that the store asks for. */
export const postgresValues: CustomTypesConfig = {
  getTypeParser: ((oid: number) =>
    PARSERS.get(oid) ?? AS_TEXT) as CustomTypesConfig["getTypeParser"],
};

/** Throws `STORE_VALUE_REFUSED` for a whole number that JavaScript would round. */
function parseNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw integerTooLarge(text);
  return value;
}

/** The `hex` output format: \x, then two digits a byte. */
function parseBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), "hex"));
}
