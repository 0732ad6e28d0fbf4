/**
 * The master keys of a platform: a file, or a command that the operator names. Both stay readable
 * side by side, so that a rotation can move everything from one to the other.
 */
import type { Clock, Random } from "@skerry/base";
import { failSecrets } from "./errors.ts";
import { COMMAND_KEY_ID, createKeyCommand } from "./key-command.ts";
import { KeyFile } from "./key-file.ts";
import { secretIn, type KeyWrapper } from "./sealing.ts";

export interface MasterKeysOptions {
  /** File of keys; used for what was wrapped by it even when there is a command. */
  readonly path: string;
  /** Program with arguments that wraps and unwraps; empty for the file. */
  readonly command: string;
  /** Longest wait for the command; default 10 s. */
  readonly answerWithinMs?: number;
}

/** Keys unwrapped by the command that are remembered: what runs need not ask for them again. */
const REMEMBERED_MAX = 1_000;

export class MasterKeys implements KeyWrapper {
  readonly #file: KeyFile;
  readonly #command: KeyWrapper | undefined;
  readonly #remembered = new Map<string, Promise<Uint8Array>>();

  constructor(
    deps: { readonly clock: Clock; readonly random: Random },
    options: MasterKeysOptions,
  ) {
    const { path, command, answerWithinMs } = options;
    this.#file = new KeyFile(deps, { path });
    const within = answerWithinMs === undefined ? {} : { answerWithinMs };
    if (command.trim() !== "") this.#command = createKeyCommand(deps, { command, ...within });
  }

  /** Makes the file when it is needed and not there. Rejects with SECRETS_KEY_UNUSABLE. */
  async ensure(): Promise<void> {
    if (this.#command === undefined) await this.#file.ensure();
  }

  /** A rotation was begun and not brought to its end. */
  get isRotating(): boolean {
    return this.#command === undefined && this.#file.isRotating;
  }

  /** The key that wraps from now on. */
  get currentId(): string {
    return this.#command === undefined ? this.#file.currentId : COMMAND_KEY_ID;
  }

  /**
   * Puts a new key in use. What `skipKeyId` wraps needs no work any more; the keys of a command all
   * look alike, so that everything is wrapped anew.
   */
  async beginRotation(): Promise<{ readonly keyId: string; readonly skipKeyId: string }> {
    if (this.#command !== undefined) return { keyId: COMMAND_KEY_ID, skipKeyId: "" };
    const keyId = await this.#file.beginRotation();
    return { keyId, skipKeyId: keyId };
  }

  /** Forgets former keys; nothing may be wrapped by them any more. */
  async endRotation(): Promise<void> {
    if (this.#command === undefined) await this.#file.endRotation();
  }

  async wrap(
    dataKey: Uint8Array,
    context: string,
  ): Promise<{ readonly keyId: string; readonly wrappedKey: string }> {
    return await (this.#command ?? this.#file).wrap(dataKey, context);
  }

  async unwrap(
    wrapped: { readonly keyId: string; readonly wrappedKey: string },
    context: string,
  ): Promise<Uint8Array> {
    if (wrapped.keyId !== COMMAND_KEY_ID) return await this.#file.unwrap(wrapped, context);
    if (this.#command === undefined) {
      const why = "its master key is kept by a command, and `secretsKeyCommand` is empty";
      throw failSecrets("SECRET_UNREADABLE", { secret: secretIn(context), why });
    }
    const { wrappedKey } = wrapped;
    const name = `${context} ${wrappedKey}`;
    const known = this.#remembered.get(name);
    const asked = known ?? this.#command.unwrap(wrapped, context);
    if (known === undefined) this.#remember(name, asked);
    // Whoever takes it may overwrite it.
    return new Uint8Array(await asked);
  }

  #remember(name: string, asked: Promise<Uint8Array>): void {
    this.#remembered.set(name, asked);
    asked.catch(() => this.#remembered.delete(name));
    const oldest = this.#remembered.keys().next().value;
    if (this.#remembered.size > REMEMBERED_MAX && oldest !== undefined) {
      this.#remembered.delete(oldest);
    }
  }
}
