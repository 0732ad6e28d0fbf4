export { stageConfigKey, domainConfigKey, purgesConfigKey } from "./config-keys.ts";
