/**
 * What a function's configuration asks of secrets, opened for one instance. Values exist in this
 * process from here to the frame that carries them to the runtime, and as the texts that the
 * instance's log is kept clean of.
 */
import { createMask, PlatformError, secretForms, type Log } from "@skerry/base";
import type { SecretEntry } from "@skerry/contracts";
import type { RevisionRef } from "@skerry/functions";
import { openValue, type KeyWrapper } from "@skerry/secrets";
import { fail } from "./errors.ts";
import type { ConfigView } from "./ports.ts";

export interface OpenedSecrets {
  /** Environment variables and their values. */
  readonly env: Readonly<Record<string, string>>;
  /** Takes values out of a text; undefined when there are none. */
  readonly mask: ((text: string) => string) | undefined;
}

interface OpenDeps {
  readonly config: ConfigView;
  readonly secretKeys: KeyWrapper;
  readonly log: Log;
}

export const NO_SECRETS: OpenedSecrets = { env: {}, mask: undefined };

/**
 * Rejects with SECRETS_NOT_OPENED; why goes to the platform's log, since callers of a function are
 * told why it does not start. What an instance is started with must be what `secretMark` names: the
 * entries are looked up before anything is waited for.
 */
export async function openSecrets(deps: OpenDeps, ref: RevisionRef): Promise<OpenedSecrets> {
  try {
    return await openAll(deps, ref);
  } catch (error) {
    const { app, name: fn } = ref.fn;
    const { message } = PlatformError.from(error);
    deps.log.error("secrets of a function cannot be opened", { app, fn, error: message });
    throw fail("SECRETS_NOT_OPENED", {}, error);
  }
}

async function openAll({ config, secretKeys }: OpenDeps, ref: RevisionRef): Promise<OpenedSecrets> {
  const found = [...entriesOf(config, ref)];
  const opened = await Promise.all(
    found.map(async ([variable, secret, name]): Promise<readonly [string, string]> => {
      if (secret === undefined) throw fail("SECRET_ABSENT", { secret: name });
      return [variable, await openValue(secretKeys, secret, secret.sealed)];
    }),
  );
  const values = new Set(opened.map(([, value]) => value));
  const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  const forms = [...values].flatMap((value) => secretForms(value, base64));
  return { env: Object.fromEntries(opened), mask: createMask([...new Set(forms)]) };
}

/** Names the values that an instance started now would have; another mark means other values. */
export function secretMark(config: ConfigView, ref: RevisionRef): string {
  let mark = "";
  for (const [variable, secret] of entriesOf(config, ref)) {
    mark += `${variable}=${secret?.id}/${secret?.version} `;
  }
  return mark;
}

function* entriesOf(
  config: ConfigView,
  { fn, revision }: RevisionRef,
): Generator<readonly [variable: string, secret: SecretEntry | undefined, name: string]> {
  for (const [variable, name] of Object.entries(revision.config.secrets ?? {})) {
    yield [variable, config.secretOf(fn.accountId, fn.app, name), name];
  }
}
