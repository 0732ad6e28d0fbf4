/** A broken store for negative controls: it takes a commit that failed for one that succeeded. */
import { openConnection, type Connection } from "../src/sqlite-connection.ts";
import { runSqliteWorker } from "../src/sqlite-serving.ts";

function ignoreFailedCommit(real: Connection): Connection {
  return {
    begin: (mode) => real.begin(mode),
    commit() {
      try {
        real.commit();
      } catch {
        real.rollback();
      }
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

await runSqliteWorker({
  openConnection: (location) => ignoreFailedCommit(openConnection(location)),
});
