/**
 * A broken store for negative controls: it answers calls before their commit, which it performs for
 * every twentieth group only. Tests that look for lost writes must find them here.
 */
import { openConnection, type Connection } from "../src/sqlite-connection.ts";
import { runSqliteWorker } from "../src/sqlite-serving.ts";

const GROUPS_PER_COMMIT = 20;

function acknowledgeEarly(real: Connection): Connection {
  let groups = 0;
  return {
    begin(mode) {
      if (!real.isInTransaction) real.begin(mode === "read" ? "write" : mode);
    },
    commit() {
      groups += 1;
      if (groups % GROUPS_PER_COMMIT === 0) real.commit();
    },
    rollback: () => real.rollback(),
    control: (sql) => real.control(sql),
    execute: (request, caller) => real.execute(request, caller),
    get isInTransaction() {
      return real.isInTransaction;
    },
    reopen: () => real.reopen(),
    close: () => real.close(),
  };
}

await runSqliteWorker({ openConnection: (location) => acknowledgeEarly(openConnection(location)) });
