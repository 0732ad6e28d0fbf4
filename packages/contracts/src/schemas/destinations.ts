/** Where an accepted invocation's end is told: a function, a topic or a web server. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { parseFunctionPath } from "../names.ts";
import { topicName } from "./names.ts";

/** No credentials, since the address is shown, and no fragment, since none is sent. */
const WEBHOOK =
  /^https?:\/\/(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?(?:[/?][\x21\x22\x24-\x7e]*)?$/i;

const WEBHOOK_RULE =
  "A webhook is an address such as https://example.org/hook, without credentials.";

/** One of the keys. */
export const destination = z
  .strictObject({
    function: z
      .string()
      .refine(
        (path) => parseFunctionPath(path) !== undefined,
        "A destination names a function of the account as APP/FN.",
      )
      .optional()
      .describe("Function of the account, as APP/FN: it is invoked with what ended."),
    webhook: z
      .url(WEBHOOK_RULE)
      .max(LIMITS.webhookCharsMax)
      .regex(WEBHOOK, WEBHOOK_RULE)
      .optional()
      .describe(
        "Address that what ended is posted to. With `http:` only hosts that an operator names in " +
          "`webhookHosts` are reached.",
      ),
    topic: topicName
      .optional()
      .describe(
        "Topic of the account that what ended is published to; one that the function's `publish` " +
          "names, where it has any.",
      ),
  })
  .refine(
    (one) => Object.keys(one).length === 1,
    "A destination has one key, `function`, `topic` or `webhook`.",
  );
export type Destination = z.infer<typeof destination>;
