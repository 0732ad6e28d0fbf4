/** Keys of the config log. */

/** Key of what gateways serve of a stage. */
export function stageConfigKey(apiId: string, stage: string): string {
  return `stage/${apiId}/${stage}`;
}

/** Key of a host that leads to a stage. */
export function domainConfigKey(host: string): string {
  return `domain/${host}`;
}

/** Key of the newest purges of a stage. */
export function purgesConfigKey(apiId: string, stage: string): string {
  return `purges/${apiId}/${stage}`;
}
