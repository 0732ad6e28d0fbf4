/**
 * What a killed agent left (processes, groups, directories) is ended also while another agent
 * serves: the one that stays is asked to end all that is not its own. One that starts alone does so
 * of itself before it is ready. Either is right only while it is the only one, so nobody may start
 * another before the sweep is over. One that does not come to its end is no exception: nobody can
 * tell whether it still goes on, and the agent may serve well all the while. So an order that would
 * start another is refused then, and what was to be swept is owed again once that agent has ended.
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
  readonly hanging: PromiseWithResolvers<void>;
  readonly cancel: Cancel;
  hangs: boolean;
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

  /** The running one has taken longer than it should. */
  get hangs(): boolean {
    return this.#running?.hangs === true;
  }

  /** An agent was started while no other was there: it sweeps until it is ready. */
  startedAlone(agent: SweepingAgent): void {
    this.#begin(agent);
  }

  ended(agent: SweepingAgent): void {
    const isUndone = this.#running?.agent === agent;
    if (isUndone || agent.child.exitCode !== 0) this.#owed = true;
    this.swept(agent);
  }

  /** The agent said that it is done, or is ready. */
  swept(agent: SweepingAgent): void {
    if (this.#running?.agent === agent) this.#finish();
    this.#look();
  }

  /**
   * Resolves when the running sweep is over. Another one may run by the time that the caller goes
   * on: look at `isRunning` again.
   */
  async untilOver(): Promise<void> {
    await this.#running?.over.promise;
  }

  /** The same, but does not wait for one that hangs. */
  async untilOverOrHanging(): Promise<void> {
    await Promise.race([this.#running?.over.promise, this.#running?.hanging.promise]);
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
    this.#finish();
    this.#owed = false;
    const [over, hanging] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const cancel = this.#clock.schedule(HANGS_AFTER_MS, () => {
      sweep.hangs = true;
      hanging.resolve();
    });
    const sweep: Sweep = { agent, over, hanging, cancel, hangs: false };
    this.#running = sweep;
  }

  #finish(): void {
    this.#running?.cancel();
    this.#running?.over.resolve();
    this.#running = undefined;
  }
}
