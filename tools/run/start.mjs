/** `npm start`: starts the platform on this machine. Arguments go to it unchanged. */
import { run, setUp } from "./setup.mjs";
import { noticeAbsent } from "./system.mjs";

const node = setUp();
noticeAbsent("start");
process.exitCode = await run(node, ["apps/platform/src/main.ts", ...process.argv.slice(2)]);
