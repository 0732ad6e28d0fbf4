/** The thread that owns an embedded store's files. Only `sqlite-store.ts` starts it. */
import { openConnection } from "./sqlite-connection.ts";
import { runSqliteWorker } from "./sqlite-serving.ts";

await runSqliteWorker({ openConnection });
