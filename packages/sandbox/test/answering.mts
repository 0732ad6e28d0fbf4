/**
 * Runs inside a sandbox: answers what is asked over the link, a line of JSON each way, with the
 * handler of the module that its argument names.
 */
import { Socket } from "node:net";
import { createInterface } from "node:readline";

const { handler } = (await import(String(process.argv[2]))) as {
  handler(event: unknown): Promise<unknown>;
};
const link = new Socket({ fd: 3, readable: true, writable: true });
for await (const line of createInterface({ input: link })) {
  link.write(`${JSON.stringify(await handler(JSON.parse(line)))}\n`);
}
process.exit(0);
