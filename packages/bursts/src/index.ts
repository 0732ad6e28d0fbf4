export { Bursts, type BurstDeps, type BurstRequest } from "./burst.ts";
