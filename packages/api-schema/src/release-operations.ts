/** Operations on versions and aliases: rows of the one table like all others. */
import { pageQuery } from "./page-query.ts";
import {
  aliasChangeResource,
  aliasRequest,
  aliasResource,
  changedAlias,
  publishAppRequest,
  publishedApp,
  publishedVersion,
  publishVersionRequest,
  rollbackAliasRequest,
  rollbackAppRequest,
  rolledBackApp,
  versionFigures,
  versionFiguresQuery,
  versionResource,
} from "./releases.ts";
import { pageOf } from "./resources.ts";

const FUNCTION = "/v1/apps/{app}/functions/{fn}";
const VERSIONS = `${FUNCTION}/versions`;
const VERSION = `${VERSIONS}/{version}`;
const ALIASES = `${FUNCTION}/aliases`;
const ALIAS = `${ALIASES}/{alias}`;

/** Rows for `OPERATIONS`. */
export const RELEASE_OPERATIONS = {
  publishVersion: {
    method: "POST",
    path: VERSIONS,
    action: "functions.deploy",
    summary: "Give what `$LATEST` runs the next number",
    about:
      "A revision has one number at most: publishing it again answers the one that it has. " +
      "`If-Match` is the function's tag: what is published is what was looked at.",
    body: publishVersionRequest,
    answer: publishedVersion,
    status: 201,
    knownStatus: 200,
    mutates: true,
    conditional: true,
  },
  publishApp: {
    method: "POST",
    path: "/v1/apps/{app}/versions",
    action: "functions.deploy",
    summary: "Publish every function of an app, all at once",
    about: "With `alias` that alias of each leads to its version, from the same moment on.",
    body: publishAppRequest,
    answer: publishedApp,
    status: 200,
    mutates: true,
  },
  listVersions: {
    method: "GET",
    path: VERSIONS,
    action: "functions.read",
    summary: "Versions of a function, newest first",
    query: pageQuery,
    answer: pageOf(versionResource),
    status: 200,
    mutates: false,
  },
  getVersion: {
    method: "GET",
    path: VERSION,
    action: "functions.read",
    summary: "One version",
    answer: versionResource,
    status: 200,
    mutates: false,
  },
  getVersionFigures: {
    method: "GET",
    path: `${VERSION}/figures`,
    action: "logs.read",
    summary: "How a version did: outcomes and durations of what ended within a window",
    about:
      "What counts is the revision, whatever it was called by. Seconds are known for an hour, whole minutes for a week.",
    query: versionFiguresQuery,
    answer: versionFigures,
    status: 200,
    mutates: false,
  },
  deleteVersion: {
    method: "DELETE",
    path: VERSION,
    action: "functions.delete",
    summary: "Remove a version to which no alias leads",
    about: "Its number is not given out again.",
    answer: null,
    status: 204,
    mutates: true,
  },
  listAliases: {
    method: "GET",
    path: ALIASES,
    action: "functions.read",
    summary: "Aliases of a function, by name",
    query: pageQuery,
    answer: pageOf(aliasResource),
    status: 200,
    mutates: false,
  },
  getAlias: {
    method: "GET",
    path: ALIAS,
    action: "functions.read",
    summary: "One alias",
    answer: aliasResource,
    status: 200,
    mutates: false,
    tagged: true,
  },
  putAlias: {
    method: "PUT",
    path: ALIAS,
    action: "functions.deploy",
    summary: "Have an alias lead to versions",
    about:
      "In force everywhere when it is answered, but for those that `behind` names. One that leads " +
      "there already is left as it is, with its tag.",
    body: aliasRequest,
    answer: changedAlias,
    status: 200,
    mutates: true,
    conditional: true,
  },
  deleteAlias: {
    method: "DELETE",
    path: ALIAS,
    action: "functions.delete",
    summary: "Remove an alias with its history",
    answer: null,
    status: 204,
    mutates: true,
    conditional: true,
  },
  listAliasHistory: {
    method: "GET",
    path: `${ALIAS}/history`,
    action: "functions.read",
    summary: "Where an alias led, newest first; the first is where it leads",
    query: pageQuery,
    answer: pageOf(aliasChangeResource),
    status: 200,
    mutates: false,
  },
  rollbackAlias: {
    method: "POST",
    path: `${ALIAS}/rollback`,
    action: "functions.deploy",
    summary: "Have an alias lead where it did before",
    about: "Itself a change of the history: doing it twice leads back to where it began.",
    body: rollbackAliasRequest,
    answer: changedAlias,
    status: 200,
    mutates: true,
    conditional: true,
  },
  rollbackApp: {
    method: "POST",
    path: "/v1/apps/{app}/aliases/{alias}/rollback",
    action: "functions.deploy",
    summary: "Undo the last change of an alias in all functions of an app",
    about:
      "What was set by one request is undone together; functions that it left as they were, or " +
      "whose alias it made, are left as they are.",
    body: rollbackAppRequest,
    answer: rolledBackApp,
    status: 200,
    mutates: true,
  },
} as const;
