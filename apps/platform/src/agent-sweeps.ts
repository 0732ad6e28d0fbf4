/**
 * What a killed agent left (processes, groups, directories) is ended also while another agent
 * serves: the one that stays is asked to end all that is not its own. One that starts alone does so
 * of itself before it is ready. Either is right only while it is the only one, so nobody may start
 * another before the sweep is over. An agent that hangs in one is waited for only so long; what it
 * was to sweep is owed again.
 */
import type { Cancel, Clock } from "@skerry/base";
import type { RoleProcess } from "./role-process.ts";

/** What is needed of an agent's process. */
export type SweepingAgent = Pick<RoleProcess, "life" | "send"> & {
  readonly child: Pick<RoleProcess["child"], "exitCode">;
};

interface Sweep {
  readonly agent: SweepingAgent;
  readonly over: PromiseWithResolvers<void>;
  readonly cancel: Cancel;
}

/** A sweep gives up by itself after 10 s. */
const HANGS_AFTER_MS = 20_000;

export class AgentSweeps {
  readonly #clock: Clock;
  /** Agents that are there, whatever their life. */
  readonly #agents: () => readonly SweepingAgent[];
  /** An agent ended out of order since the last sweep began. */
  #owed = false;
  #running: Sweep | undefined;

  constructor(clock: Clock, agents: () => readonly SweepingAgent[]) {
    this.#clock = clock;
    this.#agents = agents;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** An agent was started while no other was there: it sweeps until it is ready. */
  startedAlone(agent: SweepingAgent): void {
    this.#begin(agent);
  }

  ended(agent: SweepingAgent): void {
    if (agent.child.exitCode !== 0) this.#owed = true;
    this.swept(agent);
  }

  /** The agent said that it is done, or is ready. */
  swept(agent: SweepingAgent): void {
    if (this.#running?.agent === agent) this.#finish();
    this.#look();
  }

  /**
   * Resolves when the running sweep is over, or has hung. Another one may run by the time that the
   * caller goes on: look at `isRunning` again.
   */
  async untilOver(): Promise<void> {
    await this.#running?.over.promise;
  }

  /** Asks for a sweep if one is due and possible now. */
  #look(): void {
    const [agent, other] = this.#agents();
    if (!this.#owed || this.#running !== undefined || agent?.life !== "up" || other !== undefined) {
      return;
    }
    this.#begin(agent);
    agent.send({ op: "sweep" });
  }

  #begin(agent: SweepingAgent): void {
    this.#running?.cancel();
    this.#owed = false;
    const cancel = this.#clock.schedule(HANGS_AFTER_MS, () => {
      this.#owed = true;
      this.#finish();
    });
    this.#running = { agent, over: Promise.withResolvers(), cancel };
  }

  #finish(): void {
    this.#running?.cancel();
    this.#running?.over.resolve();
    this.#running = undefined;
  }
}
