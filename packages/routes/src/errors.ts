import { defineReasons } from "@skerry/base";

/** The only error constructor of what a route makes of a request. */
export const failRoute = defineReasons({
  ROUTE_VARIABLE_MISSING: {
    code: "INTERNAL",
    message: "The route needs the variable {name}, which its stage does not have.",
    hint: "Set the variable for the stage, or publish routes that do without it.",
    retryable: false,
    audience: "user",
  },
  ROUTE_ADDRESS_INVALID: {
    code: "INVALID_ARGUMENT",
    message: "What the route makes of this request is no address that may be asked.",
    hint: "Look at the route's template and at what this request puts into it.",
    retryable: false,
    audience: "user",
  },
});
