import assert from "node:assert/strict";
import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createIdSource, systemClock, systemRandom } from "@skerry/base";
import type { SealedValue } from "@skerry/contracts";
import {
  domainKeyIdentity,
  MasterKeys,
  openValue,
  rewrapValue,
  sealValue,
  type SealIdentity,
} from "./index.ts";

const random = systemRandom();
const clock = systemClock();
const ids = createIdSource({ clock, random });
const CANARY = "canary-4711-and-more";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-secrets-"));
});
after(() => rm(directory, { recursive: true, force: true }));

const identity: SealIdentity = {
  ...{ accountId: ids.id("acct"), app: "shop", name: "db-password" },
  ...{ id: ids.id("sec"), version: 1 },
};

async function fileKeys(name: string): Promise<MasterKeys> {
  const keys = new MasterKeys({ clock, random }, { path: join(directory, name), command: "" });
  await keys.ensure();
  return keys;
}

describe("sealing", () => {
  it("gives the key of a domain's certificate to that domain alone", async () => {
    const keys = await fileKeys("domain.key");
    const domain = { accountId: ids.id("acct"), app: "shop", host: "shop.example" };
    const sealed = await sealValue({ keys, random }, domainKeyIdentity(domain), CANARY);
    assert.equal(await openValue(keys, domainKeyIdentity({ ...domain }), sealed), CANARY);
    for (const other of [{ host: "other.example" }, { app: "blog" }]) {
      const moved = openValue(keys, domainKeyIdentity({ ...domain, ...other }), sealed);
      await assert.rejects(moved, { reason: "SECRET_UNREADABLE" });
    }
  });

  it("gives a value back to whom it belongs, and to nobody else", async () => {
    const keys = await fileKeys("one.key");
    const sealed = await sealValue({ keys, random }, identity, CANARY);
    assert.equal(await openValue(keys, identity, sealed), CANARY);
    const others: readonly Partial<SealIdentity>[] = [
      { accountId: ids.id("acct") },
      { app: "blog" },
      { app: null },
      { name: "other" },
      { id: ids.id("sec") },
      { version: 2 },
    ];
    for (const other of others) {
      const moved = openValue(keys, { ...identity, ...other }, sealed);
      await assert.rejects(moved, { reason: "SECRET_UNREADABLE" }, JSON.stringify(other));
    }
  });

  it("refuses a value of which a bit was changed, and a value under another's data key", async () => {
    const keys = await fileKeys("two.key");
    const sealed = await sealValue({ keys, random }, identity, CANARY);
    const other = await sealValue({ keys, random }, identity, "something else");
    const bytes = Buffer.from(sealed.value, "base64");
    bytes[14] = (bytes[14] ?? 0) ^ 1;
    const changed: readonly SealedValue[] = [
      { ...sealed, value: bytes.toString("base64") },
      { ...sealed, value: other.value },
      { ...sealed, wrappedKey: other.wrappedKey },
      { ...sealed, value: "" },
    ];
    for (const one of changed) {
      await assert.rejects(openValue(keys, identity, one), { reason: "SECRET_UNREADABLE" });
    }
  });

  it("seals the same value differently each time, and never shows it", async () => {
    const keys = await fileKeys("three.key");
    const first = JSON.stringify(await sealValue({ keys, random }, identity, CANARY));
    const second = JSON.stringify(await sealValue({ keys, random }, identity, CANARY));
    assert.notEqual(first, second);
    assert.ok(!first.includes(CANARY) && !first.includes(Buffer.from(CANARY).toString("base64")));
  });
});

const asRoot = { skip: process.getuid?.() === 0 ? false : "only root gives files away" };

describe("the key file", () => {
  it("is the user's alone, and is refused when others can read it", async () => {
    const keys = await fileKeys("mode.key");
    const path = join(directory, "mode.key");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const sealed = await sealValue({ keys, random }, identity, CANARY);
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      await chmod(path, mode);
      await assert.rejects(fileKeys("mode.key"), { reason: "SECRETS_KEY_UNUSABLE" });
    }
    await chmod(path, 0o600);
    assert.equal(await openValue(await fileKeys("mode.key"), identity, sealed), CANARY);
  });

  it("is refused when it is another user's", asRoot, async () => {
    await fileKeys("owner.key");
    const path = join(directory, "owner.key");
    await chown(path, 65_534, 65_534);
    await assert.rejects(fileKeys("owner.key"), /belongs to the user 65534, not to 0/);
    await chown(path, 0, 65_534);
    await fileKeys("owner.key");
  });

  it("is refused when it is torn, and stays as it is", async () => {
    const path = join(directory, "torn.key");
    await writeFile(path, '{"format":1,"current":"mk_1","keys":{', { mode: 0o600 });
    await assert.rejects(fileKeys("torn.key"), { reason: "SECRETS_KEY_UNUSABLE" });
    assert.match(await readFile(path, "utf8"), /mk_1/);
  });

  it("opens everything in every step of a rotation, and nothing old after its end", async () => {
    const keys = await fileKeys("turn.key");
    const sealed = await sealValue({ keys, random }, identity, CANARY);
    const copy = await readFile(join(directory, "turn.key"));
    await keys.beginRotation();
    assert.equal(keys.isRotating, true);
    const reader = await fileKeys("turn.key");
    assert.equal(await openValue(reader, identity, sealed), CANARY);
    const rewrapped = await rewrapValue(keys, identity, sealed);
    assert.equal(rewrapped.value, sealed.value, "the value itself is not touched");
    assert.equal(await openValue(reader, identity, rewrapped), CANARY);
    await keys.endRotation();
    assert.equal(keys.isRotating, false);
    const next = await fileKeys("turn.key");
    assert.equal(await openValue(next, identity, rewrapped), CANARY);
    await assert.rejects(openValue(next, identity, sealed), { reason: "SECRET_UNREADABLE" });
    // The control: who kept the former key opens what was sealed under it.
    await writeFile(join(directory, "copy.key"), copy, { mode: 0o600 });
    assert.equal(await openValue(await fileKeys("copy.key"), identity, sealed), CANARY);
  });

  it("is read again by who meets a key that came later", async () => {
    const writer = await fileKeys("later.key");
    const reader = await fileKeys("later.key");
    const first = await sealValue({ keys: writer, random }, identity, CANARY);
    assert.equal(await openValue(reader, identity, first), CANARY);
    await writer.beginRotation();
    const second = await sealValue({ keys: writer, random }, identity, CANARY);
    assert.equal(await openValue(reader, identity, second), CANARY);
  });
});

/** A key service of one file: keys are XORed with a pad, and every call is counted. */
const SERVICE = `
import { readFileSync, appendFileSync } from "node:fs";
const { op, key, wrapped, context } = JSON.parse(readFileSync(0, "utf8"));
appendFileSync(process.argv[2], op + "\\n");
const turn = (text) => Buffer.from(Buffer.from(text, "base64").map((byte) => byte ^ 0x5a)).toString("base64");
if (op === "wrap") console.log(JSON.stringify({ wrapped: "v1:" + turn(key) + ":" + context.length }));
else console.log(JSON.stringify({ key: turn(wrapped.split(":")[1]) }));
`;

describe("the key command", () => {
  const commandKeys = (command: string, answerWithinMs = 10_000): MasterKeys => {
    const path = join(directory, "unused.key");
    return new MasterKeys({ clock, random }, { path, command, answerWithinMs });
  };

  it("wraps and unwraps in place of a file, and is asked once for each data key", async () => {
    const [program, calls] = [join(directory, "service.mjs"), join(directory, "calls")];
    await writeFile(program, SERVICE);
    const keys = commandKeys(`${process.execPath} ${program} ${calls}`);
    await keys.ensure();
    await assert.rejects(stat(join(directory, "unused.key")), { code: "ENOENT" });
    const sealed = await sealValue({ keys, random }, identity, CANARY);
    for (let i = 0; i < 3; i += 1) assert.equal(await openValue(keys, identity, sealed), CANARY);
    assert.equal(await readFile(calls, "utf8"), "wrap\nunwrap\n");
  });

  it("is given up with a reason when it is missing, fails, is silent, floods or answers nonsense", async () => {
    const script = join(directory, "bad.sh");
    const bodies: readonly (readonly [string, RegExp])[] = [
      ["exit 3", /exit code 3/],
      ["exec sleep 60", /did not answer within/],
      ["exec yes", /more than/],
      ["echo nonsense", /not JSON/],
      ["echo {}", /no `wrapped`/],
    ];
    for (const [body, why] of bodies) {
      await writeFile(script, `#!/bin/sh\n${body}\n`, { mode: 0o700 });
      const sealing = sealValue({ keys: commandKeys(script, 300), random }, identity, CANARY);
      const expected = { reason: "SECRETS_KEY_COMMAND_FAILED", message: why };
      await assert.rejects(sealing, expected, body);
    }
    const missing = sealValue({ keys: commandKeys("/no/such/program"), random }, identity, CANARY);
    await assert.rejects(missing, { reason: "SECRETS_KEY_COMMAND_FAILED", message: /ENOENT/ });
  });
});
