/**
 * Removes code that nothing refers to any more, in rounds. What may go is decided and stored by the
 * catalogue (`reviewCode`, `condemnCode`); this shell asks the agents what runs, and removes. Every
 * step may be the last before a crash: an entry leaves the code store by one rename, and what a
 * round leaves behind is marked still and found by the next.
 */
import { Recurrence, type Clock, type Log } from "@skerry/base";
import { ANY_SOURCE, type CodeHolds, type CodeStore, type StoredCode } from "@skerry/code-store";
import type { AgentsView, CodePiece } from "@skerry/functions/catalogue";
import type { ControlLimits } from "./limits.ts";
import type { AgentArtefacts } from "@skerry/control-links";
import { storeModule, type ControlStore } from "./store-module.ts";

export interface CodeSweeperDeps {
  readonly store: ControlStore;
  readonly codeStore: Pick<CodeStore, "list" | "remove">;
  readonly agents: { artefactsInUse(): Promise<readonly AgentArtefacts[]> };
  readonly holds: Pick<CodeHolds, "unlessHeld">;
  readonly clock: Clock;
  readonly log: Log;
}

const PAGE = 200;

export class CodeSweeper {
  readonly #deps: CodeSweeperDeps;
  readonly #passes: Recurrence;
  readonly #limits: ControlLimits;

  constructor(deps: CodeSweeperDeps, options: { readonly limits: ControlLimits }) {
    this.#deps = deps;
    this.#passes = new Recurrence(deps.clock, options.limits.codeSweepIntervalMs, () =>
      this.#round(),
    );
    this.#limits = options.limits;
  }

  /** Sweeps from time to time until it is closed. */
  start(): void {
    this.#passes.start();
  }

  /** Resolves when nothing of it uses the store any more. */
  close(): Promise<void> {
    return this.#passes.close();
  }

  async #round(): Promise<void> {
    try {
      const removed = await this.sweep();
      if (removed.length > 0) this.#deps.log.info("removed code that nothing uses", { removed });
    } catch (error) {
      this.#deps.log.warn("code could not be swept; it is tried again", { error });
    }
  }

  /** One round. The names that it removed; rejects when the store or the disk fails. */
  async sweep(): Promise<readonly string[]> {
    await this.#forgetRevisions();
    const pieces = (await this.#deps.codeStore.list()).map(pieceOf).sort(byName);
    const agents = agentsViewOf(await this.#deps.agents.artefactsInUse());
    const removed: string[] = [];
    let after = "";
    for (let from = 0; !this.#passes.isClosed; from += PAGE) {
      const page = pieces.slice(from, from + PAGE);
      const isLast = from + PAGE >= pieces.length;
      for (const piece of await this.#review({ page, after, isLast, agents })) {
        if (this.#passes.isClosed || removed.length >= this.#limits.codeSweptMax) return removed;
        if (await this.#remove(piece)) removed.push(piece.name);
      }
      if (isLast) break;
      after = page.at(-1)?.name ?? after;
    }
    return removed;
  }

  async #forgetRevisions(): Promise<void> {
    const page = { limit: PAGE, keep: this.#limits.revisionsKept };
    const forget = (after: string): Promise<string | null> =>
      this.#deps.store.call(storeModule, "forgetRevisions", { ...page, after });
    for (
      let after = await forget("");
      after !== null && !this.#passes.isClosed;
      after = await forget(after)
    );
  }

  #review(args: {
    readonly page: readonly CodePiece[];
    readonly after: string;
    readonly isLast: boolean;
    readonly agents: AgentsView;
  }): Promise<readonly CodePiece[]> {
    const { page: pieces, ...rest } = args;
    const times = { wallMs: this.#deps.clock.wallMs(), graceMs: this.#limits.codeGraceMs };
    return this.#deps.store.call(storeModule, "reviewCode", { pieces, ...rest, ...times });
  }

  async #remove(piece: CodePiece): Promise<boolean> {
    const { store, codeStore, holds, clock } = this.#deps;
    const source = piece.kind === "source" ? piece.name : (piece.builtFrom ?? ANY_SOURCE);
    let removed = false;
    await holds.unlessHeld(source, async () => {
      const args = { piece, wallMs: clock.wallMs(), graceMs: this.#limits.codeGraceMs };
      if (!(await store.call(storeModule, "condemnCode", args))) return;
      removed = await codeStore.remove(piece.name);
      await store.call(storeModule, "renewCode", { names: [piece.name] });
    });
    return removed;
  }
}

/** Nobody knows what runs unless every agent answers, and one at least. */
function agentsViewOf(answers: readonly AgentArtefacts[]): AgentsView {
  const inUse = [...new Set(answers.flatMap(({ artefacts }) => artefacts ?? []))];
  const applied = answers.flatMap(({ appliedSeq, artefacts }) =>
    appliedSeq === undefined || artefacts === undefined ? [] : [appliedSeq],
  );
  const isKnown = applied.length > 0 && applied.length === answers.length;
  return { appliedSeq: isKnown ? Math.min(...applied) : null, inUse };
}

function pieceOf({ name, kind, builtFrom }: StoredCode): CodePiece {
  return { name, kind, builtFrom };
}

function byName(a: CodePiece, b: CodePiece): number {
  return a.name < b.name ? -1 : 1;
}
