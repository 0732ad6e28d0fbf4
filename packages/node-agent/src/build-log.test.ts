import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILD_LOG, type BuildLogLine, type BuildReply } from "@skerry/contracts";
import { openBuildLog, type BuildLog } from "./build-log.ts";

const REPLY: BuildReply = {
  ...{ ok: true, artefactKey: "art_1", runtimeBuild: "node", handlerKind: "event" },
  ...{ initFailure: null, reused: false },
};

/** Everything that `tell` sends, in order. */
function sent(tell: (log: BuildLog) => void): readonly (BuildLogLine | string)[] {
  const parts: (BuildLogLine | string)[] = [];
  const log = openBuildLog({
    reply: (head) => {
      parts.push(head);
      return true;
    },
    write: (chunk) => {
      parts.push(JSON.parse(Buffer.from(chunk).toString()) as BuildLogLine);
      return true;
    },
    end: () => void parts.push("end"),
  });
  tell(log);
  return parts;
}

test("lines follow the head as they come, and the reply ends them", () => {
  const parts = sent((log) => {
    log.line("added 1 package");
    log.reply(REPLY);
  });
  assert.deepEqual(parts, ['{"log":true}', { l: "added 1 package" }, { r: REPLY }, "end"]);
});

test("of too many lines the first and the last come, and how many are missing is told", () => {
  const text = "x".repeat(1_000);
  const count = 1_000;
  const parts = sent((log) => {
    for (let i = 0; i < count; i += 1) log.line(`${i} ${text}`);
    log.reply(REPLY);
  });
  const lines = parts.flatMap((part) => (typeof part === "object" && "l" in part ? part.l : []));
  const bytes = parts.reduce((sum, part) => sum + JSON.stringify(part).length, 0);
  assert.ok(bytes < BUILD_LOG.bytesMax + (BUILD_LOG.lastLinesMax + 3) * 1_100, String(bytes));
  assert.match(lines[0] ?? "", /^0 x/);
  assert.match(lines.at(-1) ?? "", /^999 x/);
  const remark = lines.find((line) => line.startsWith("…"));
  assert.equal(remark, `… ${count - (lines.length - 1)} lines left out`);
});

test("a line without end is cut", () => {
  const [, line] = sent((log) => log.line("y".repeat(1 << 20)));
  assert.deepEqual(line, { l: "y".repeat(BUILD_LOG.lineCharsMax) });
});
