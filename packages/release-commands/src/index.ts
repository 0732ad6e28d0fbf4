export { APP_RELEASE_COMMANDS } from "./app-releases.ts";
export { DOMAIN_COMMANDS } from "./domains.ts";
export { GATEWAY_API_COMMANDS } from "./gateway-apis.ts";
export { RELEASE_COMMANDS } from "./releases.ts";
