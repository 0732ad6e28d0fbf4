/**
 * What a killed agent left (processes, groups, directories) is ended also while another agent
 * serves: the one that stays is asked to end all that is not its own. That is right only while it
 * is the only one, so nobody may start another before it has said that it is done. One that starts
 * alone sweeps of itself.
 */
import type { RoleProcess } from "./role-process.ts";

export class AgentSweeps {
  /** Agents that are there, whatever their life. */
  readonly #agents: () => readonly RoleProcess[];
  /** An agent ended out of order since the last sweep began. */
  #owed = false;
  #asked: { readonly agent: RoleProcess; readonly over: PromiseWithResolvers<void> } | undefined;

  constructor(agents: () => readonly RoleProcess[]) {
    this.#agents = agents;
  }

  /** An agent is about to be started. */
  started(alone: boolean): void {
    if (alone) this.#owed = false;
  }

  ended(agent: RoleProcess): void {
    if (agent.child.exitCode !== 0) this.#owed = true;
    if (this.#asked?.agent === agent) this.#finish();
    this.look();
  }

  swept(agent: RoleProcess): void {
    if (this.#asked?.agent === agent) this.#finish();
    this.look();
  }

  /** Asks for a sweep if one is due and possible now. */
  look(): void {
    const [agent, other] = this.#agents();
    if (!this.#owed || this.#asked !== undefined || agent?.life !== "up" || other !== undefined) {
      return;
    }
    this.#owed = false;
    this.#asked = { agent, over: Promise.withResolvers() };
    agent.send({ op: "sweep" });
  }

  /** Resolves when no agent is sweeping. */
  async untilOver(): Promise<void> {
    while (this.#asked !== undefined) await this.#asked.over.promise;
  }

  #finish(): void {
    this.#asked?.over.resolve();
    this.#asked = undefined;
  }
}
