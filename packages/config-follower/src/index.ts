export { ConfigFold } from "./config-fold.ts";
export { ConfigFollower, type FollowerDeps, type FollowerOptions } from "./follower.ts";
