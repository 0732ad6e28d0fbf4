/** The suites that run as root above also hold for a plain user, who has other means. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, chownSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { IS_ROOT, PLAIN_UIDS, skipWithoutBubblewrap } from "./bed.ts";

const PLAIN_UID = PLAIN_UIDS.others;
const missing = skipWithoutBubblewrap();
const skip =
  missing !== false ? missing : IS_ROOT ? false : "these suites ran as this user already";

for (const suite of ["driver.test.ts", "sweep.test.ts"]) {
  test(`${suite} holds for a plain user`, { skip }, async () => {
    const temporary = mkdtempSync(join(tmpdir(), "skerry-plain-"));
    chownSync(temporary, PLAIN_UID, PLAIN_UID);
    try {
      const file = fileURLToPath(new URL(suite, import.meta.url));
      const child = spawn(process.execPath, ["--test", "--test-reporter=spec", file], {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, TMPDIR: temporary, HOME: temporary },
        uid: PLAIN_UID,
        gid: PLAIN_UID,
        stdio: ["ignore", "pipe", "inherit"],
      });
      let text = "";
      child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
      const [code] = (await once(child, "close")) as [number | null];
      assert.equal(code, 0, text);
      assert.match(text, /pass [1-9]/);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
}
