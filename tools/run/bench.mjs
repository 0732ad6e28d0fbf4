/**
 * `npm run bench`: measures Skerry beside what it is compared with. Arguments go to the bench
 * unchanged.
 */
import { run, setUp } from "./setup.mjs";
import { noticeAbsent } from "./system.mjs";

const node = setUp();
noticeAbsent("bench");
process.exitCode = await run(node, ["bench/src/main.ts", ...process.argv.slice(2)]);
