/** Cases that hold on every store. */
import { after, before, describe, it } from "node:test";
import { hasPostgres, startPostgres, type PostgresServer } from "./postgres.ts";

/** How a suite opens its store, anew for each case. */
export interface BothStores<S, World> {
  /** Begins the names of its schemas. */
  readonly name: string;
  inMemory(): Promise<S>;
  onPostgres(at: { readonly url: string; readonly schema: string }): Promise<S>;
  /** What a case is given. */
  worldOf(store: S): World;
}

/** Runs each case, by its title, on SQLite and, where it is installed, on PostgreSQL. */
export function casesOnBothStores<S extends { close(): Promise<void> }, World>(
  title: string,
  cases: Readonly<Record<string, (world: World) => Promise<void>>>,
  stores: BothStores<S, World>,
): void {
  const run = (open: () => Promise<S>): void => {
    for (const [what, show] of Object.entries(cases)) {
      void it(what, async (t) => {
        const store = await open();
        t.after(() => store.close());
        await show(stores.worldOf(store));
      });
    }
  };
  void describe(`${title}, SQLite`, () => {
    run(() => stores.inMemory());
  });
  const skip = hasPostgres() ? false : "PostgreSQL is absent";
  void describe(`${title}, PostgreSQL`, { skip }, () => {
    let server: PostgresServer | undefined;
    let schemas = 0;
    before(async () => {
      server = await startPostgres();
    });
    after(() => server?.stop());
    run(() => {
      schemas += 1;
      return stores.onPostgres({ url: server?.url ?? "", schema: `${stores.name}_${schemas}` });
    });
  });
}
