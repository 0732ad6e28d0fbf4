import { createHash } from "node:crypto";
import { manifestText, SOURCE_DIGEST_PREFIX, type SourceEntry } from "@skerry/contracts";

const ARTEFACT_KEY_PREFIX = "art_";
const SOURCE_DIGEST = /^src_[0-9a-f]{64}$/;
const ARTEFACT_KEY = /^art_[0-9a-f]{64}$/;

/** What an artefact is derived from: the same inputs give the same artefact. */
export interface ArtefactInputs {
  readonly sourceDigest: string;
  /** The build step with its version and every setting that shapes its output. */
  readonly recipe: string;
  /** The exact build of the runtime that compiled code is bound to. */
  readonly runtimeBuild: string;
}

/**
 * The digest of a tree: `src_` and the SHA-256 of its manifest text in lowercase hex. Order does
 * not matter.
 */
export function sourceDigest(entries: Iterable<SourceEntry>): string {
  return SOURCE_DIGEST_PREFIX + sha256(manifestText(entries));
}

/**
 * The key of an artefact: `art_` and a SHA-256 over its inputs, each as a JSON string, under a
 * version line.
 */
export function artefactKey(inputs: ArtefactInputs): string {
  const fields = JSON.stringify([inputs.sourceDigest, inputs.recipe, inputs.runtimeBuild]);
  return ARTEFACT_KEY_PREFIX + sha256(`skerry-artefact-key 1\n${fields}\n`);
}

/** True for a well-formed source digest. Total. */
export function isSourceDigest(value: unknown): value is string {
  return typeof value === "string" && SOURCE_DIGEST.test(value);
}

/** True for a well-formed artefact key. Total. */
export function isArtefactKey(value: unknown): value is string {
  return typeof value === "string" && ARTEFACT_KEY.test(value);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
