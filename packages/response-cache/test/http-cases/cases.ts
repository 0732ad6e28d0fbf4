/** All cases, in the order of the page. */
import { ASKING } from "./asking.ts";
import type { Case } from "./case.ts";
import { FRESHNESS } from "./freshness.ts";
import { STORING } from "./storing.ts";

export const HTTP_CASES: readonly { readonly title: string; readonly cases: readonly Case[] }[] = [
  { title: "What is fresh", cases: FRESHNESS },
  { title: "What is kept, and for whom", cases: STORING },
  { title: "Conditions, ranges, what is stale, and what changes", cases: ASKING },
];
