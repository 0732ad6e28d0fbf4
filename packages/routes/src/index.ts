export { withCors } from "./cors.ts";
export { findRoute } from "./find-route.ts";
export { headerProblems, rewriteHeaders } from "./header-changes.ts";
export {
  renderHeader,
  renderRedirect,
  rewritePath,
  upstreamUrl,
  type TemplateValues,
} from "./render.ts";
export {
  addressBits,
  callerOfAddress,
  compileAddresses,
  type AddressSet,
} from "./guards/address-set.ts";
export { readJwkSet, type CheckKey } from "./guards/jwk-set.ts";
export { decideClaims } from "./guards/jwt-claims.ts";
export { chooseKey, isSignedBy, readToken, type ReadToken } from "./guards/jwt.ts";
export { compileSchema, schemaProblems, type Looked, type Misfits } from "./schema/json-schema.ts";
export type { CompilePattern } from "./schema/schema-compiler.ts";
export { routeLabel } from "./route-name.ts";
export { compileRoutes, duplicateProblems, type RouteTable } from "./route-table.ts";
export { templateProblems } from "./template.ts";
