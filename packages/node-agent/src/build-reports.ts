/**
 * What is told while something is built. Equal builds at once are one, and each of those who asked
 * hears it from the moment at which they asked.
 */

/** Takes one line, without its end. Never throws. */
export type BuildReport = (line: string) => void;

interface Shared<T> {
  readonly result: Promise<T>;
  readonly reports: Set<BuildReport>;
}

/** Work by key, done once however many ask for it meanwhile. */
export class SharedWork<T> {
  readonly #underWay = new Map<string, Shared<T>>();

  /** Begins `work`, or joins what is under way for `key`. */
  async run(
    key: string,
    report: BuildReport,
    work: (report: BuildReport) => Promise<T>,
  ): Promise<T> {
    const shared = this.#underWay.get(key) ?? this.#begin(key, work);
    if (shared.reports.size > 0) report("the same is being built already; waiting for it");
    shared.reports.add(report);
    try {
      return await shared.result;
    } finally {
      shared.reports.delete(report);
    }
  }

  #begin(key: string, work: (report: BuildReport) => Promise<T>): Shared<T> {
    const reports = new Set<BuildReport>();
    const tell: BuildReport = (line) => {
      for (const report of reports) report(line);
    };
    // It begins after whoever asked can hear it.
    const result = Promise.resolve().then(() => work(tell));
    const shared = { result, reports };
    this.#underWay.set(key, shared);
    void result.catch(() => undefined).finally(() => this.#underWay.delete(key));
    return shared;
  }
}
