import { z } from "zod";
import { APP_NAME_RULE, FUNCTION_NAME_RULE, LABEL } from "../names.ts";

export const appName = z.string().regex(LABEL, APP_NAME_RULE);
export const functionName = z.string().regex(LABEL, FUNCTION_NAME_RULE);

/** Secrets are named like functions, only longer. */
export const secretName = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,62}[a-z0-9])?$/,
    "A secret's name must be 1–64 lower-case letters, digits and hyphens, begin with a letter, " +
      "end with a letter or digit.",
  );

/** A file's name: it stands in a directory that functions read. */
export const configObjectName = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,79}$/,
    "A config object's name must be a file name of 1–80 letters, digits, dots, hyphens and _, " +
      "which begins with a letter, a digit or _.",
  );

/** Names stay readable in a URL and in a command. */
export const topicName = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9._-]{0,62}[a-z0-9])?$/,
    "A topic name must use 1–64 lower-case letters, digits, dots, underscores and hyphens, begin " +
      "with a letter, end with a letter or digit.",
  );
