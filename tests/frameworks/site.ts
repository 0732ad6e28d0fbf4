/** A deployed function under its own host name, as a browser would find it. */
import assert from "node:assert/strict";
import { openHttp, type HttpCall } from "@skerry/testkit";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
}

export type Asked = Pick<HttpCall, "method" | "headers" | "body">;

export interface Site {
  /** The whole answer; rejects when it ends early. */
  ask(path: string, asked?: Asked): Promise<Answer>;
  /** The JSON of an answer that has to have this status. */
  json(path: string, asked?: Asked & { readonly status?: number }): Promise<unknown>;
}

export function openSite(where: {
  readonly port: number;
  readonly key: string;
  readonly app: string;
  readonly fn: string;
}): Site {
  const { port, key, app, fn } = where;
  const ask = async (path: string, { headers = {}, ...asked }: Asked = {}): Promise<Answer> => {
    const own = { host: `${fn}.${app}.localhost`, "x-skerry-key": key };
    const response = await openHttp({ port, path, headers: { ...own, ...headers }, ...asked });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    assert.ok(response.complete, `the answer to ${path} ended early`);
    const body = Buffer.concat(chunks);
    const { statusCode: status = 0, headers: told } = response;
    return { status, headers: told, body, text: body.toString() };
  };
  return {
    ask,
    async json(path, { status: wanted = 200, ...asked } = {}) {
      const { status, text } = await ask(path, asked);
      assert.equal(status, wanted, `${path}: ${text.slice(0, 500)}`);
      return JSON.parse(text) as unknown;
    },
  };
}
