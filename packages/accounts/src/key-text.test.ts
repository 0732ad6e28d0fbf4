import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, systemClock, systemRandom } from "@skerry/base";
import { isSecretOf, mintKey, parseKey } from "./key-text.ts";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });

test("a minted key is read back and only its own secret fits", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const id = ids.id("key");
    const { text, secretSha256 } = mintKey(id, seededRandom(seed));
    const presented = parseKey(text);
    assert.equal(presented?.id, id);
    assert.ok(presented !== undefined && isSecretOf(presented.secret, secretSha256));
    assert.ok(!text.includes(secretSha256), "the hash is not the secret");
    const other = mintKey(id, seededRandom(seed + 1_000));
    assert.ok(!isSecretOf(presented.secret, other.secretSha256));
  }
});

test("no secret fits a key that does not exist, not even the one that its stand-in would hash", () => {
  assert.equal(isSecretOf("", undefined), false);
  assert.equal(isSecretOf("0".repeat(64), undefined), false);
});

test("text that is no key is refused without an error", () => {
  const { text } = mintKey(ids.id("key"), systemRandom());
  const refused = [
    ...["", "sk_", "sk__", text.slice(1), text.slice(0, -1), `${text}x`, ` ${text}`, `${text}\n`],
    ...[text.toUpperCase(), text.replace("sk_", "key_"), text.replace(/^sk_./, "sk_u")],
    ...[`sk_${"0".repeat(26)}_${"ä".repeat(43)}`, "\0".repeat(74), "sk_".repeat(10_000)],
  ];
  for (const each of refused)
    assert.equal(parseKey(each), undefined, JSON.stringify(each.slice(0, 90)));
});
