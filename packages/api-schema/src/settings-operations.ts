/** Operations on secrets and config objects: rows of the one table like all others. */
import { z } from "zod";
import { pageQuery } from "./page-query.ts";
import { pageOf } from "./resources.ts";
import {
  configObjectContent,
  configObjectRequest,
  configObjectResource,
  keyRotation,
  secretRequest,
  secretResource,
} from "./settings-resources.ts";

const OF_APP = "/v1/apps/{app}";

const READ = { method: "GET", status: 200, mutates: false } as const;
const CHANGE = { status: 200, mutates: true, conditional: true } as const;
const REMOVE = { ...CHANGE, method: "DELETE", answer: null, status: 204 } as const;

const PUT_SECRET = {
  ...CHANGE,
  method: "PUT",
  action: "secrets.write",
  body: secretRequest,
  answer: secretResource,
  confidential: true,
  about:
    "Running instances of functions that use it are replaced, without a failed request; new " +
    "ones have the new value.",
} as const;
const KEEP_USED = "Refused while the newest revision of a function names it.";

/** Rows for `OPERATIONS`. */
export const SETTINGS_OPERATIONS = {
  listSecrets: {
    ...READ,
    path: "/v1/secrets",
    action: "secrets.read",
    summary: "Secrets of the whole account, without their values",
    query: pageQuery,
    answer: pageOf(secretResource),
  },
  getSecret: {
    ...READ,
    path: "/v1/secrets/{secret}",
    action: "secrets.read",
    summary: "One secret of the account, without its value",
    answer: secretResource,
    tagged: true,
  },
  putSecret: {
    ...PUT_SECRET,
    path: "/v1/secrets/{secret}",
    summary: "Give a secret of the account a value",
  },
  deleteSecret: {
    ...REMOVE,
    path: "/v1/secrets/{secret}",
    action: "secrets.write",
    summary: "Remove a secret of the account",
    about: KEEP_USED,
  },
  listAppSecrets: {
    ...READ,
    path: `${OF_APP}/secrets`,
    action: "secrets.read",
    summary: "Secrets of an app, without their values",
    query: pageQuery,
    answer: pageOf(secretResource),
  },
  getAppSecret: {
    ...READ,
    path: `${OF_APP}/secrets/{secret}`,
    action: "secrets.read",
    summary: "One secret of an app, without its value",
    answer: secretResource,
    tagged: true,
  },
  putAppSecret: {
    ...PUT_SECRET,
    path: `${OF_APP}/secrets/{secret}`,
    summary: "Give a secret of an app a value",
  },
  deleteAppSecret: {
    ...REMOVE,
    path: `${OF_APP}/secrets/{secret}`,
    action: "secrets.write",
    summary: "Remove a secret of an app",
    about: KEEP_USED,
  },
  rotateSecretsKey: {
    method: "POST",
    path: "/v1/secrets-key-rotations",
    action: "secrets.rotate",
    summary: "Make a new master key and wrap the data keys of all secrets with it",
    about:
      "Works while everything runs, and goes on by itself after a crash. The former key is " +
      "forgotten once nothing needs it.",
    body: z.strictObject({}),
    answer: keyRotation,
    status: 200,
    mutates: true,
  },
  listConfigs: {
    ...READ,
    path: `${OF_APP}/configs`,
    action: "configs.read",
    summary: "Config objects of an app, without their contents",
    query: pageQuery,
    answer: pageOf(configObjectResource),
  },
  getConfig: {
    ...READ,
    path: `${OF_APP}/configs/{config}`,
    action: "configs.read",
    summary: "One config object with its content",
    answer: configObjectContent,
    tagged: true,
  },
  putConfig: {
    ...CHANGE,
    method: "PUT",
    path: `${OF_APP}/configs/{config}`,
    action: "configs.write",
    summary: "Give a config object a content",
    about:
      "Running instances of the app read it within two seconds, whole. A name that ends in " +
      "`.json` holds JSON.",
    body: configObjectRequest,
    answer: configObjectResource,
  },
  deleteConfig: {
    ...REMOVE,
    path: `${OF_APP}/configs/{config}`,
    action: "configs.write",
    summary: "Remove a config object",
  },
} as const;
