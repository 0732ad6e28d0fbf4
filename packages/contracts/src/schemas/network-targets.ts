import { z } from "zod";
import { isPattern, parseTarget, splitPatterns } from "../network-targets.ts";

const PATTERN_RULE =
  "Write HOST, HOST:PORT or *.HOST; a host is a name, an IPv4 address or an IPv6 one in brackets.";

/** One pattern over hosts and ports. */
export const targetPattern = z.string().max(300).refine(isPattern, PATTERN_RULE);

/** Patterns in one text, separated by commas. */
export const targetPatternList = z
  .string()
  .refine((text) => splitPatterns(text).every(isPattern), PATTERN_RULE);

/** `HOST:PORT`, as a function's `connect` names it. */
export const networkTarget = z
  .string()
  .max(300)
  .refine(
    (text) => parseTarget(text) !== undefined,
    "A target is HOST:PORT; an IPv6 address stands in brackets.",
  );
