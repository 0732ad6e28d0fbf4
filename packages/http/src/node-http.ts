/**
 * Node's HTTP, without what importing it costs. `import … from "node:http"` reads every export of
 * that module, and `WebSocket` among them makes Node load the whole of its fetch: 40 ms of CPU at
 * the start of every process, most of which never fetch. Types are imported as usual.
 */
import { getBuiltinModule } from "node:process";

/** The module "node:http". */
export const nodeHttp = getBuiltinModule("node:http");
