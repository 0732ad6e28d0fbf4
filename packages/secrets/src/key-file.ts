/**
 * Master keys in a file that only the platform's user can read. It holds more than one while a
 * rotation is under way: the new one comes first, then every data key is wrapped anew, then the
 * former go; killed in between, the file still opens everything. Only control writes it; agents
 * read it again when they meet a key that they do not know.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Random } from "@skerry/base";
import { failSecrets } from "./errors.ts";
import { decrypt, encrypt, secretIn, type KeyWrapper } from "./sealing.ts";

const FORMAT = 1;
const KEY_BYTES = 32;
const MODE_OF_OTHERS = 0o077;

interface KeysInFile {
  readonly current: string;
  readonly keys: ReadonlyMap<string, Uint8Array>;
}

export class KeyFile implements KeyWrapper {
  readonly #path: string;
  readonly #random: Random;
  #held: KeysInFile | undefined;

  constructor(deps: { readonly random: Random }, options: { readonly path: string }) {
    this.#random = deps.random;
    this.#path = options.path;
  }

  /** Makes the file when there is none. Rejects with SECRETS_KEY_UNUSABLE. */
  async ensure(): Promise<void> {
    if (this.#read() === undefined) await this.#write(this.#withFresh(new Map()));
  }

  /** Names the key that wraps from now on. */
  get currentId(): string {
    return this.#keys().current;
  }

  /** Whether keys are there that a rotation has not done away with yet. */
  get isRotating(): boolean {
    return this.#keys().keys.size > 1;
  }

  /** Puts a new key in use beside those that are there; its id. */
  async beginRotation(): Promise<string> {
    await this.#write(this.#withFresh(this.#keys().keys));
    return this.currentId;
  }

  /** Forgets all keys but the one in use; nothing may be wrapped by them any more. */
  async endRotation(): Promise<void> {
    const { current, keys } = this.#keys();
    const kept = [...keys].filter(([id]) => id === current);
    if (kept.length < keys.size) await this.#write({ current, keys: new Map(kept) });
  }

  async wrap(
    dataKey: Uint8Array,
    context: string,
  ): Promise<{ readonly keyId: string; readonly wrappedKey: string }> {
    const { current, keys } = this.#keys();
    const key = keys.get(current) ?? unusable(this.#path, "it names a key that it does not hold");
    const wrapped = encrypt({ key, context, random: this.#random }, dataKey);
    return await Promise.resolve({ keyId: current, wrappedKey: wrapped.toString("base64") });
  }

  async unwrap(
    { keyId, wrappedKey }: { readonly keyId: string; readonly wrappedKey: string },
    context: string,
  ): Promise<Uint8Array> {
    const key = this.#keys().keys.get(keyId) ?? this.#reread().keys.get(keyId);
    const secret = secretIn(context);
    if (key === undefined) {
      const why = `the file of master keys does not hold ${keyId}`;
      throw failSecrets("SECRET_UNREADABLE", { secret, why });
    }
    const dataKey = decrypt({ key, context }, Buffer.from(wrappedKey, "base64"));
    if (dataKey !== undefined) return await Promise.resolve(new Uint8Array(dataKey));
    throw failSecrets("SECRET_UNREADABLE", { secret, why: "its data key was changed" });
  }

  #keys(): KeysInFile {
    return this.#held ?? this.#reread();
  }

  #reread(): KeysInFile {
    this.#held = this.#read() ?? unusable(this.#path, "there is none");
    return this.#held;
  }

  /** Undefined when there is none. */
  #read(): KeysInFile | undefined {
    let file: number;
    try {
      file = openSync(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return undefined;
      return unusable(this.#path, code ?? "it cannot be read", error);
    }
    try {
      const { mode, uid } = fstatSync(file);
      const own = process.geteuid?.() ?? uid;
      if (uid !== own) unusable(this.#path, `it belongs to the user ${uid}, not to ${own}`);
      if ((mode & MODE_OF_OTHERS) !== 0) {
        const shown = (mode & 0o777).toString(8).padStart(4, "0");
        unusable(this.#path, `its mode is ${shown}, so that others can read it`);
      }
      return parseKeys(readFileSync(file, "utf8")) ?? unusable(this.#path, "it is damaged");
    } finally {
      closeSync(file);
    }
  }

  #withFresh(keys: ReadonlyMap<string, Uint8Array>): KeysInFile {
    const current = `mk_${Buffer.from(this.#random.bytes(8)).toString("hex")}`;
    return { current, keys: new Map([...keys, [current, this.#random.bytes(KEY_BYTES)]]) };
  }

  /** Whole or not at all, and on disk before anything is wrapped by it. */
  async #write(held: KeysInFile): Promise<void> {
    const keys: Record<string, string> = {};
    for (const [id, key] of held.keys) keys[id] = Buffer.from(key).toString("base64");
    const text = JSON.stringify({ format: FORMAT, current: held.current, keys });
    const fresh = `${this.#path}.new`;
    try {
      const file = await open(fresh, "w", 0o600);
      try {
        await file.chmod(0o600);
        await file.writeFile(`${text}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(fresh, this.#path);
      flushDirectory(dirname(this.#path));
    } catch (error) {
      unusable(this.#path, (error as NodeJS.ErrnoException).code ?? "it cannot be written", error);
    }
    this.#held = held;
  }
}

function parseKeys(text: string): KeysInFile | undefined {
  try {
    const value = JSON.parse(text) as {
      readonly format?: unknown;
      readonly current?: unknown;
      readonly keys?: Readonly<Record<string, string>>;
    };
    const { format, current, keys } = value;
    if (format !== FORMAT || typeof current !== "string" || keys === undefined) return undefined;
    const read = Object.entries(keys).map(([id, key]): [string, Uint8Array] => [
      id,
      new Uint8Array(Buffer.from(key, "base64")),
    ]);
    const fits =
      Object.hasOwn(keys, current) && read.every(([, { length }]) => length === KEY_BYTES);
    return fits ? { current, keys: new Map(read) } : undefined;
  } catch {
    return undefined;
  }
}

function flushDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function unusable(path: string, why: string, cause?: unknown): never {
  throw failSecrets("SECRETS_KEY_UNUSABLE", { path, why }, cause);
}
