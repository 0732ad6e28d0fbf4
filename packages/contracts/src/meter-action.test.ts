import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestId } from "@skerry/base";
import { triggerIdOf, DRIVES } from "./actions.ts";
import { decodeActionEntry, encodeActionEntry } from "./meter-action.ts";
import { decodeMeterRecord, METER_RECORD_BYTES } from "./metering.ts";
import { decodeTraceEntry } from "./meter-trace.ts";

const executionId = "01a1ffd6-9ec8-7b9d-9014-9f986441dd74" as RequestId;

test("the longest trigger of each drive is read as it was written, and a flipped bit is not", () => {
  for (const drive of DRIVES) {
    const triggerId = triggerIdOf({ app: "a".repeat(40), name: "b".repeat(40), drive });
    const bytes = new Uint8Array(METER_RECORD_BYTES);
    const entry = { drive, triggerId, executionId };
    encodeActionEntry(new DataView(bytes.buffer), 0, entry);
    assert.deepEqual(decodeActionEntry(bytes, 0), entry);
    assert.equal(decodeMeterRecord(bytes, 0), undefined);
    assert.equal(decodeTraceEntry(bytes, 0), undefined);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    assert.equal(decodeActionEntry(bytes, 0), undefined);
  }
});
