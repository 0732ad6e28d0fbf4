import assert from "node:assert/strict";
import { test } from "node:test";
import { functionConfig } from "@skerry/contracts/schemas";
import { changedKeys, configIdentity } from "./config-identity.ts";

test("the order of keys does not matter to the identity of a configuration", () => {
  const a = functionConfig.parse({ memoryMb: 256, env: { A: "1", B: "2" } });
  const b = functionConfig.parse({ env: { B: "2", A: "1" }, memoryMb: 256 });
  assert.equal(configIdentity(a).hash, configIdentity(b).hash);
  assert.deepEqual(functionConfig.parse(JSON.parse(configIdentity(a).json)), a);
});

test("every difference changes the identity and is named", () => {
  const before = functionConfig.parse({ env: { A: "1" } });
  const after = functionConfig.parse({ env: { A: "2" }, timeoutMs: 20, entry: "main.ts" });
  assert.notEqual(configIdentity(before).hash, configIdentity(after).hash);
  assert.deepEqual(changedKeys(before, after), ["entry", "env", "timeoutMs"]);
  assert.deepEqual(changedKeys(after, before), ["entry", "env", "timeoutMs"]);
  assert.deepEqual(changedKeys(before, { ...before }), []);
});
