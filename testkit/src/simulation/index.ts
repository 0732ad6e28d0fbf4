export { Dice } from "./dice.ts";
export { MemoryStore, type Fate } from "./memory-store.ts";
export { connectProcesses, type SimulatedPipes } from "./pipes.ts";
export { loadMistaken, type Mistake } from "./planted.ts";
export { firstFailing, playSeeds, seedsOf } from "./seeds.ts";
export { SimulatedProcess, Timeline } from "./timeline.ts";
