/**
 * Secrets and config objects of the fold, by the names that functions know them by. A name belongs
 * to the newest entry that has it, in whatever order they came.
 */
import type { AccountId, SecretId } from "@skerry/base";
import {
  appOfServerKeys,
  type ConfigEntry,
  type ConfigObjectEntry,
  type SecretEntry,
} from "@skerry/contracts";

type SettingEntry = SecretEntry | ConfigObjectEntry;

interface Index {
  readonly secrets: ReadonlyMap<string, SecretEntry>;
  readonly configs: ReadonlyMap<string, readonly ConfigObjectEntry[]>;
}

const NONE: readonly ConfigObjectEntry[] = [];

export class SettingsFold {
  readonly #held = new Map<string, { readonly seq: number; readonly value: SettingEntry }>();
  #index: Index | undefined;

  /** Takes the newest entry of its key, a removal included. */
  put({ key, seq, value }: ConfigEntry): void {
    const isSetting = value?.kind === "secret" || value?.kind === "config-object";
    if (!isSetting && !this.#held.has(key)) return;
    if (isSetting) this.#held.set(key, { seq, value });
    else this.#held.delete(key);
    this.#index = undefined;
  }

  clear(): void {
    this.#held.clear();
    this.#index = undefined;
  }

  /** The secret that an app knows by this name: its own, else the account's. */
  secretOf(accountId: AccountId, app: string, name: string): SecretEntry | undefined {
    const { secrets } = this.#indexed();
    return (
      secrets.get(pathOf({ accountId, app, name })) ??
      secrets.get(pathOf({ accountId, app: null, name }))
    );
  }

  /** A server key of any app. */
  serverKeyById(id: SecretId): SecretEntry | undefined {
    const value = this.#held.get(`secret/${id}`)?.value;
    return value?.kind === "secret" && appOfServerKeys(value.app) !== undefined ? value : undefined;
  }

  /** Every config object of an app; the same list until one of any app changes. */
  configsOf(accountId: AccountId, app: string): readonly ConfigObjectEntry[] {
    return this.#indexed().configs.get(`${accountId}/${app}`) ?? NONE;
  }

  #indexed(): Index {
    this.#index ??= indexOf([...this.#held.values()].toSorted((a, b) => a.seq - b.seq));
    return this.#index;
  }
}

function indexOf(held: readonly { readonly value: SettingEntry }[]): Index {
  const secrets = new Map<string, SecretEntry>();
  const objects = new Map<string, ConfigObjectEntry>();
  for (const { value } of held) {
    if (value.kind === "secret") secrets.set(pathOf(value), value);
    else objects.set(pathOf(value), value);
  }
  const configs = Map.groupBy(objects.values(), ({ accountId, app }) => `${accountId}/${app}`);
  return { secrets, configs };
}

function pathOf(named: {
  readonly accountId: AccountId;
  readonly app: string | null;
  readonly name: string;
}): string {
  return `${named.accountId}/${named.app ?? ""}/${named.name}`;
}
