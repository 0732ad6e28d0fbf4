/** `npm start`: starts the platform on this machine. Arguments go to it unchanged. */
import { providePage } from "./page.mjs";
import { COMPILE_CACHE, run, setUp } from "./setup.mjs";
import { noticeAbsent } from "./system.mjs";

const node = setUp();
noticeAbsent("start");
providePage(node);
process.exitCode = await run(node, ["apps/platform/src/main.ts", ...process.argv.slice(2)], {
  env: { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? COMPILE_CACHE },
});
