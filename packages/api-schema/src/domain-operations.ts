/** Operations on domains: rows of the one table like all others. */
import { changedDomain, domainRequest, domainResource } from "./domains.ts";
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";

const LIST = "/v1/domains";
const ONE = `${LIST}/{host}`;

/** Rows for `OPERATIONS`. */
export const DOMAIN_OPERATIONS = {
  listDomains: {
    method: "GET",
    path: LIST,
    action: "domains.read",
    summary: "Domains, by host",
    about: "A key confined to apps is shown those that lead to its apps.",
    query: pageQuery,
    answer: pageOf(domainResource),
    status: 200,
    mutates: false,
  },
  getDomain: {
    method: "GET",
    path: ONE,
    action: "domains.read",
    summary: "One domain, and what is known of its certificate",
    answer: domainResource,
    status: 200,
    mutates: false,
    tagged: true,
  },
  putDomain: {
    method: "PUT",
    path: ONE,
    action: "domains.write",
    summary: "Have a host lead to a stage of a gateway API",
    about:
      "A host is its first account's. Certificate and key must belong together and be good for the " +
      "host now; they are used from the next connection on.",
    body: domainRequest,
    answer: changedDomain,
    status: 201,
    knownStatus: 200,
    mutates: true,
    conditional: true,
    confidential: true,
  },
  deleteDomain: {
    method: "DELETE",
    path: ONE,
    action: "domains.write",
    summary: "Let a host lead nowhere, and forget its key",
    answer: null,
    status: 204,
    mutates: true,
    conditional: true,
  },
} as const;
