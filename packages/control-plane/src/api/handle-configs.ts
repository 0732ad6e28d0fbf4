/** Config objects: small files of an app. */
import {
  EMPTY,
  json,
  type OperationHandlers,
  pageOfRows,
  readCursor,
  tagged,
  versionOf,
} from "@skerry/api-serving";
import type { ContentEncoding } from "@skerry/api-schema";
import { invalid, LIMITS } from "@skerry/contracts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { awaitApplied } from "./await-applied.ts";
import { configObjectContentOf, configObjectResourceOf } from "./resources.ts";

type Handled = "listConfigs" | "getConfig" | "putConfig" | "deleteConfig";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function configHandlers(deps: ApiDeps): Pick<OperationHandlers, Handled> {
  const { store, ids } = deps;
  return {
    listConfigs: async ({ principal: { accountId }, params: { app }, query }) => {
      const { cursor, limit } = query;
      const args = { accountId, app, after: readCursor(cursor, ""), limit };
      const rows = await store.call(storeModule, "listConfigObjects", args);
      const page = { item: configObjectResourceOf, key: ({ name }: { name: string }) => name };
      return json(pageOfRows(rows, limit, page));
    },
    getConfig: async ({ principal: { accountId }, params: { app, config: name } }) => {
      const found = await store.call(storeModule, "getConfigObject", { accountId, app, name });
      const resource = configObjectContentOf(found, Buffer.from(found.contentBase64, "base64"));
      return tagged(resource, resource.etag);
    },
    putConfig: async ({ params: { app, config: name }, body, req, stamp, signal }) => {
      const bytes = bytesOf(body);
      assertContent(name, bytes);
      const content = { base64: bytes.toString("base64"), bytes: bytes.length };
      const ifVersion = versionOf(req.headers["if-match"]);
      const args = { stamp: stamp(), app, name, freshId: ids.id("cfg"), content, ifVersion };
      const { record, seq } = await store.call(storeModule, "putConfigObject", args);
      await awaitApplied(deps, seq, signal);
      return json(configObjectResourceOf(record));
    },
    deleteConfig: async ({ params: { app, config: name }, req, stamp, signal }) => {
      const ifVersion = versionOf(req.headers["if-match"]);
      const args = { stamp: stamp(), app, name, ifVersion };
      const seq = await store.call(storeModule, "deleteConfigObject", args);
      await awaitApplied(deps, seq, signal);
      return EMPTY;
    },
  };
}

function bytesOf(body: { readonly content: string; readonly encoding: ContentEncoding }): Buffer {
  const { content, encoding } = body;
  if (encoding === "base64" && !BASE64.test(content)) {
    throw invalid("body", ["content: this is not base64"]);
  }
  if (encoding === "utf8" && !content.isWellFormed()) {
    throw invalid("body", ["content: this is no well-formed text; send it as base64"]);
  }
  return Buffer.from(content, encoding);
}

/** Throws INPUT_INVALID. */
function assertContent(name: string, bytes: Buffer): void {
  const { configObjectBytesMax } = LIMITS;
  if (bytes.length > configObjectBytesMax) {
    throw invalid("body", [`content: ${bytes.length} bytes are more than ${configObjectBytesMax}`]);
  }
  if (!name.endsWith(".json")) return;
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : String(error);
    throw invalid("body", [`content: ${name} must hold JSON, and this is none: ${why}`]);
  }
}
