/** Operations on redrives: rows of the one table like all others. */
import { z } from "zod";
import { pageQuery } from "./page-query.ts";
import { redriveRequest, redriveResource } from "./redrives.ts";
import { pageOf } from "./resources.ts";
import { timerEnabledRequest } from "./timers.ts";

const LIST = "/v1/redrives";
const ONE = `${LIST}/{redrive}`;

const READ = { method: "GET", action: "invocations.read", status: 200, mutates: false } as const;
const CHANGE = { action: "invocations.write", status: 200, mutates: true } as const;

/** Rows for `OPERATIONS`. */
export const REDRIVE_OPERATIONS = {
  listRedrives: {
    ...READ,
    path: LIST,
    summary: "Redrives, newest first",
    about: "A page may be short although there is another: go on while `nextCursor` is not null.",
    query: pageQuery,
    answer: pageOf(redriveResource),
  },
  getRedrive: { ...READ, path: ONE, summary: "One redrive, as it stands", answer: redriveResource },
  createRedrive: {
    ...CHANGE,
    method: "POST",
    path: LIST,
    summary: "Accept anew what failed or expired",
    about:
      "The platform carries it out, also after a restart. What was accepted before it was made is " +
      "meant. Each becomes an invocation of its own, which names the old one as its source; one " +
      "that was redriven before is left out. Dead letters of a trigger go each alone, those of one " +
      "key one after another; those that fail again stay.",
    body: redriveRequest,
    answer: redriveResource,
    status: 201,
  },
  setRedriveEnabled: {
    ...CHANGE,
    method: "PUT",
    path: `${ONE}/enabled`,
    summary: "Pause a redrive or let it go on",
    about: "Once it is answered that it is paused, it accepts nothing more.",
    body: timerEnabledRequest,
    answer: redriveResource,
  },
  cancelRedrive: {
    ...CHANGE,
    method: "POST",
    path: `${ONE}/cancellation`,
    summary: "End a redrive",
    about: "What it has accepted stays so. One that had ended is answered as it is.",
    body: z.strictObject({}),
    answer: redriveResource,
  },
} as const;
