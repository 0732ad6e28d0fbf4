/** All cases, by what a fixture serves. */
import type { Cases } from "./case.ts";
import { RESULT_CASES, URL_CASES } from "./event-cases.ts";
import { LIFE_CASES, WEB_LIFE_CASES } from "./life-cases.ts";
import { KINDS, type Fixture, type Kind } from "./target.ts";
import { WEB_CASES } from "./web-cases.ts";

const CASES: Readonly<Record<Kind, Cases>> = {
  event: { ...RESULT_CASES, ...URL_CASES, ...LIFE_CASES },
  web: { ...WEB_CASES, ...WEB_LIFE_CASES },
};

/** Those that it lacks are among them. */
export function casesOf({
  serves = KINDS,
}: Fixture): readonly (readonly [title: string, run: Cases[string]])[] {
  return serves.flatMap((kind) => Object.entries(CASES[kind]));
}
