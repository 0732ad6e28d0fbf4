/**
 * Loaded before a writer (`--import`), it takes one protection out of the store: a piece of its
 * text is replaced as it is loaded, in its worker thread too. For negative controls.
 */
import assert from "node:assert/strict";
import { registerHooks } from "node:module";

interface Replacement {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const CONNECTION = "/store/src/sqlite-connection.ts";

const FAULTS: Readonly<Record<string, readonly Replacement[]>> = {
  "answers before it commits": [
    {
      file: CONNECTION,
      from: 'this.control("COMMIT");',
      to: 'if (++groups % 20 === 0) this.control("COMMIT");',
    },
    {
      file: CONNECTION,
      from: 'this.control(mode === "write" ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED");',
      to: 'if (!this.isInTransaction) this.control("BEGIN IMMEDIATE");',
    },
    {
      file: CONNECTION,
      from: "const SQLITE_VERSION_MIN",
      to: "let groups = 0;\nconst SQLITE_VERSION_MIN",
    },
  ],
  "does not flush": [
    { file: CONNECTION, from: "PRAGMA synchronous = FULL", to: "PRAGMA synchronous = NORMAL" },
    { file: CONNECTION, from: '"synchronous", 2', to: '"synchronous", 1' },
  ],
  "is deaf to a commit that fails": [
    {
      file: CONNECTION,
      from: 'this.control("COMMIT");',
      to: 'try { this.control("COMMIT"); } catch { this.rollback(); }',
    },
  ],
  "commits each statement by itself": [
    {
      file: "/store/src/group-commit.ts",
      from: "return this.#connection.execute(request, procedure);",
      to: `const reply = this.#connection.execute(request, procedure);
      if (procedure.readOnly) return reply;
      this.#connection.control("RELEASE call");
      this.#connection.commit();
      this.#connection.begin("write");
      this.#connection.control("SAVEPOINT call");
      return reply;`,
    },
  ],
};

const replacements = FAULTS[process.env["SKERRY_TEST_STORE_FAULT"] ?? ""];
assert.ok(replacements !== undefined, "SKERRY_TEST_STORE_FAULT names no fault");

registerHooks({
  load(url, context, next) {
    const found = next(url, context);
    const here = replacements.filter(({ file }) => url.endsWith(file));
    if (here.length === 0) return found;
    assert.ok(found.source instanceof Uint8Array);
    let source = Buffer.from(found.source).toString();
    for (const { file, from, to } of here) {
      assert.equal(source.split(from).length, 2, `${file} has not once: ${from}`);
      source = source.replace(from, () => to);
    }
    return { ...found, source };
  },
});
