/**
 * `npm test [-- PATH… OPTION…]`: all tests, or those of the named files and folders. Options go to
 * Node's test runner, for example `--test-name-pattern=drain`.
 */
import { providePage } from "./page.mjs";
import { setUp } from "./setup.mjs";
import { runSuites } from "./suites.mjs";
import { provideSystemPackages } from "./system.mjs";

const node = setUp();
provideSystemPackages("test");
providePage(node);
process.exitCode = await runSuites(node, process.argv.slice(2));
