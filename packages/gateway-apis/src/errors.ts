import { defineReasons } from "@skerry/base";

const user = { retryable: false, audience: "user" } as const;

/** Reasons of gateway APIs. */
export const failGatewayApi = defineReasons({
  GATEWAY_API_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "{app} has no gateway API {api}.",
    hint: "Check the name; sending its routes makes it.",
  },
  GATEWAY_API_CHANGED: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The gateway API {api} was changed since it was read: its tag is {actual}.",
    hint: "Read it again and repeat with the new tag if the change still holds.",
  },
  GATEWAY_APIS_LIMIT: {
    ...user,
    code: "RESOURCE_EXHAUSTED",
    message: "{app} has {apisMax} gateway APIs already, as many as it may have.",
    hint: "Remove one that is not used, or put its routes into another.",
  },
  ROUTES_TOO_LARGE: {
    ...user,
    code: "RESOURCE_EXHAUSTED",
    message: "The routes of {api} have {bytes} bytes as JSON; at most {bytesMax} are possible.",
    hint: "Move large fixed answers and schemas into functions or files, or split the API.",
  },
  ROUTE_FUNCTIONS_MISSING: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "Routes of {api} name functions that {app} does not have: {functions}.",
    hint: "Deploy them first, or take them out of the routes; nothing was changed.",
  },
  STAGE_VARIABLES_MISSING: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "Routes name variables that the stage {stage} does not have: {variables}.",
    hint: "Give them a value in the stage's settings; nothing was changed.",
  },
  STAGE_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "The gateway API {api} has no stage {stage}.",
    hint: "Check the name, or make the stage by setting it.",
  },
  STAGE_NAME_TAKEN: {
    ...user,
    code: "INVALID_ARGUMENT",
    message: "No stage can be called {stage}: that name has a meaning of its own.",
    hint: "Choose another name.",
  },
  STAGE_CHANGED: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The stage {stage} was changed since it was read: its tag is {actual}.",
    hint: "Read it again and repeat with the new tag if the change still holds.",
  },
  STAGES_LIMIT: {
    ...user,
    code: "RESOURCE_EXHAUSTED",
    message: "{api} has {stagesMax} stages already, as many as it may have.",
    hint: "Remove one that is not used.",
  },
  STAGE_UNPUBLISHED: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The stage {stage} serves nothing that could be taken.",
    hint: "Publish to it first.",
  },
  PUBLICATION_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "The stage {stage} has no publication {number}.",
    hint: "List them; only the last are kept.",
  },
  GATEWAY_API_IN_USE: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "Domains lead to {what}: {domains}.",
    hint: "Have them lead elsewhere, or remove them first.",
  },
  DOMAIN_NOT_FOUND: {
    ...user,
    code: "NOT_FOUND",
    message: "There is no domain {host}.",
    hint: "List them with `skerry domains ls`.",
  },
  DOMAIN_CHANGED: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The domain {host} was changed since it was read: its tag is {actual}.",
    hint: "Read it again and repeat with the new tag if the change still holds.",
  },
  DOMAIN_TAKEN: {
    ...user,
    code: "ALREADY_EXISTS",
    message: "The host {host} is in use already, and not by you.",
    hint: "Choose another host, or have its owner remove it.",
  },
  DOMAIN_RESERVED: {
    ...user,
    code: "INVALID_ARGUMENT",
    message: "{host} cannot be a domain: {why}.",
    hint: "Choose a host name of your own.",
  },
  DOMAIN_CERTIFICATE_REFUSED: {
    ...user,
    code: "INVALID_ARGUMENT",
    message: "The certificate cannot be used for {host}: {why}.",
    hint: "Send the whole chain as PEM, the leaf first, and the private key that belongs to it.",
  },
  DOMAIN_CERTIFICATE_NEEDED: {
    ...user,
    code: "FAILED_PRECONDITION",
    message: "The key of {host} is sealed for the app {app} and does not go along to another one.",
    hint: "Send the certificate with its key again, or null to do without.",
  },
  DOMAINS_LIMIT: {
    ...user,
    code: "RESOURCE_EXHAUSTED",
    message: "The account has {domainsMax} domains already, as many as it may have.",
    hint: "Remove one that is not used; a wildcard stands for many.",
  },
});
