/** What a caller tells a function about itself beside the event. */

/** From base64 of JSON, which the gateway has checked. */
export function clientContextOf(sent: string | undefined): unknown {
  if (sent === undefined) return undefined;
  return JSON.parse(Buffer.from(sent, "base64").toString("utf8"));
}
