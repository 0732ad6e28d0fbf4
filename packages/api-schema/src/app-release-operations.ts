/** Operations on releases of apps: rows of the one table like all others. */
import { z } from "zod";
import { createReleaseRequest, releaseResource, resumeReleaseRequest } from "./app-releases.ts";
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";

const LIST = "/v1/apps/{app}/releases";
const ONE = `${LIST}/{release}`;

const READ = { method: "GET", action: "functions.read", status: 200, mutates: false } as const;
const CHANGE = {
  ...({ method: "POST", action: "functions.deploy", status: 200, mutates: true } as const),
  answer: releaseResource,
} as const;
const TURN = { ...CHANGE, body: z.strictObject({}), conditional: true } as const;

/** Rows for `OPERATIONS`. */
export const APP_RELEASE_OPERATIONS = {
  listReleases: {
    ...READ,
    path: LIST,
    summary: "Releases of an app, newest first",
    query: pageQuery,
    answer: pageOf(releaseResource),
  },
  getRelease: {
    ...READ,
    path: ONE,
    summary: "One release, as it stands",
    answer: releaseResource,
  },
  createRelease: {
    ...CHANGE,
    path: LIST,
    summary: "Release what is deployed of an app",
    about:
      "Every function is published at once, and then led to by one stage after the other. The " +
      "platform carries it out, also after a restart; an app has one open release at most.",
    body: createReleaseRequest,
    status: 201,
  },
  approveRelease: {
    ...TURN,
    path: `${ONE}/approve`,
    summary: "Let a release go on behind its first stage",
  },
  pauseRelease: {
    ...TURN,
    path: `${ONE}/pause`,
    summary: "Hold a release where it is",
    about: "It goes neither on nor back by itself until it is resumed or aborted.",
  },
  resumeRelease: {
    ...TURN,
    body: resumeReleaseRequest,
    path: `${ONE}/resume`,
    summary: "Let a paused release go on",
    about: "Aliases that somebody changed meanwhile are the release's again.",
  },
  abortRelease: {
    ...TURN,
    path: `${ONE}/abort`,
    summary: "End a release and go back",
    about: "Every alias that it moved leads again where it did before. In force when answered.",
  },
} as const;
