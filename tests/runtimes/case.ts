/** A case: one rule that every runtime keeps. */
import type { Target } from "./target.ts";

export type Case = (target: Target) => Promise<void>;
/** By title; a fixture's `lacks` names titles. */
export type Cases = Readonly<Record<string, Case>>;
