export {
  openControlPlane,
  type ControlPlane,
  type ControlPlaneDeps,
  type ControlPlaneOptions,
} from "./control-plane.ts";
export type { ControlLimits } from "./limits.ts";
export type { LinkSocket, PeerRole } from "@skerry/control-links";
export type {
  FunctionCaller,
  InvocationPage,
  InvocationQueries,
  LogQueries,
  LogSelection,
  MetricQueries,
  PageDeps,
  PageFiles,
  TrafficCount,
  TrafficQueries,
} from "./ports.ts";
export { storeModule, storeModuleUrl, type ControlStore } from "./store-module.ts";
