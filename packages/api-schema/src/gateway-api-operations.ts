/** Operations on gateway APIs, their stages and publications: rows of the one table. */
import { LIMITS } from "@skerry/contracts";
import { purge } from "@skerry/contracts/schemas";
import {
  changedGatewayApi,
  changedStage,
  gatewayApiDiff,
  gatewayApiDiffQuery,
  gatewayApiListed,
  gatewayApiRequest,
  gatewayApiResource,
  gatewayOpenApi,
  gatewayOpenApiQuery,
  madePublication,
  madePurge,
  publicationContent,
  publicationRequest,
  publicationResource,
  publicationsQuery,
  stageRequest,
  stageResource,
} from "./gateway-apis.ts";
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";

const LIST = "/v1/apps/{app}/gateway-apis";
const API = `${LIST}/{api}`;
const STAGES = `${API}/stages`;
const STAGE = `${STAGES}/{stage}`;
const PUBLICATIONS = `${STAGE}/publications`;

const READ = { method: "GET", action: "functions.read", status: 200, mutates: false } as const;
const CHANGE = {
  ...({ action: "functions.deploy", status: 200, mutates: true, conditional: true } as const),
} as const;
const REMOVE = {
  ...({ method: "DELETE", action: "functions.delete", answer: null, status: 204 } as const),
  ...({ mutates: true, conditional: true } as const),
} as const;

/** Rows for `OPERATIONS`. */
export const GATEWAY_API_OPERATIONS = {
  listGatewayApis: {
    ...READ,
    path: LIST,
    summary: "Gateway APIs of an app, by name",
    query: pageQuery,
    answer: pageOf(gatewayApiListed),
  },
  getGatewayApi: {
    ...READ,
    path: API,
    summary: "One gateway API, with the routes that are worked on",
    answer: gatewayApiResource,
    tagged: true,
  },
  putGatewayApi: {
    ...CHANGE,
    method: "PUT",
    path: API,
    summary: "Replace the routes of a gateway API that are worked on",
    about:
      "Made with the stages `test`, `prepub` and `release` when there is none. Stages that follow, " +
      "as `test` does, serve the routes from then on; others get them by a publication.",
    body: gatewayApiRequest,
    // Each byte of the routes may come as an escape.
    bodyBytesMax: 2 * LIMITS.routesBytesMax,
    answer: changedGatewayApi,
    status: 201,
    knownStatus: 200,
  },
  deleteGatewayApi: {
    ...REMOVE,
    path: API,
    summary: "Remove a gateway API with its stages and their history",
  },
  listStages: {
    ...READ,
    path: STAGES,
    summary: "Stages of a gateway API, in the order of a release",
    query: pageQuery,
    answer: pageOf(stageResource),
  },
  getStage: {
    ...READ,
    path: STAGE,
    summary: "One stage, and what it serves",
    answer: stageResource,
    tagged: true,
  },
  putStage: {
    ...CHANGE,
    method: "PUT",
    path: STAGE,
    summary: "Set what a stage's routes lead to, and its variables",
    about:
      "Made when there is none. In force with the next publication of the stage; with `publish`, " +
      "at once.",
    body: stageRequest,
    answer: changedStage,
  },
  deleteStage: {
    ...REMOVE,
    path: STAGE,
    summary: "Remove a stage with its publications",
    about: "`test`, `prepub` and `release` stand as at the beginning then, and serve nothing.",
  },
  listPublications: {
    ...READ,
    path: PUBLICATIONS,
    summary: "Publications of a stage, newest first; the first is what it serves",
    query: publicationsQuery,
    answer: pageOf(publicationResource),
  },
  getPublication: {
    ...READ,
    path: `${PUBLICATIONS}/{publication}`,
    summary: "One publication, with its routes",
    answer: publicationContent,
  },
  createPublication: {
    ...CHANGE,
    method: "POST",
    path: PUBLICATIONS,
    summary:
      "Have a stage serve the routes that are worked on, those of another stage, or former ones",
    about:
      "In force everywhere when it is answered, but for those that `behind` names: all of it or " +
      "nothing. `If-Match` is the stage's tag.",
    body: publicationRequest,
    answer: madePublication,
    status: 201,
    knownStatus: 200,
  },
  createPurge: {
    method: "POST",
    path: `${STAGE}/purges`,
    action: "functions.deploy",
    summary: "Have the response cache forget kept answers of a stage",
    about: "Forgotten everywhere when it is answered, but for the gateways that `behind` names.",
    body: purge,
    answer: madePurge,
    status: 201,
    mutates: true,
  },
  diffGatewayApi: {
    ...READ,
    path: `${API}/diff`,
    summary: "What is different between two stages, publications or the routes worked on",
    query: gatewayApiDiffQuery,
    answer: gatewayApiDiff,
  },
  getGatewayApiDocument: {
    ...READ,
    path: `${API}/openapi`,
    summary: "An OpenAPI 3.1 document of a stage, or of the routes worked on",
    query: gatewayOpenApiQuery,
    answer: gatewayOpenApi,
  },
} as const;
