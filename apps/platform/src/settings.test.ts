import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { PlatformError } from "@skerry/base";
import { envNameOf, flagOf } from "@skerry/contracts";
import { platformConfig } from "@skerry/contracts/schemas";
import { defaultHome } from "./layout.ts";
import { helpText, readSettings } from "./settings.ts";

function openHome(t: TestContext, config?: string): string {
  const home = mkdtempSync(join(tmpdir(), "skerry-settings-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  if (config !== undefined) writeFileSync(join(home, "config.json"), config);
  return home;
}

function problemsOf(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): readonly string[] {
  try {
    readSettings(argv, env);
  } catch (error) {
    const { reason, details } = PlatformError.from(error);
    assert.equal(reason, "SETTINGS_INVALID", String(error));
    return details["problemList"] as readonly string[];
  }
  return [];
}

test("later wins: defaults, then the file, then the environment, then flags", (t) => {
  const home = openHome(t, '{"apiPort": 1001, "gatewayPort": 1002, "blanks": 3}');
  const env = { SKERRY_HOME: home, SKERRY_GATEWAY_PORT: "2002", SKERRY_BLANKS: "5" };
  const { config } = readSettings(["--blanks", "7"], env);
  const { host, apiPort, gatewayPort, blanks } = config;
  assert.deepEqual([host, apiPort, gatewayPort, blanks], ["127.0.0.1", 1001, 2002, 7]);
  assert.ok(Object.isFrozen(config));
});

test("the home comes from flag, environment or the user's default, and is absolute", (t) => {
  const home = openHome(t);
  assert.equal(readSettings(["--home", home], { SKERRY_HOME: "/elsewhere" }).config.home, home);
  assert.equal(readSettings([], { SKERRY_HOME: home }).config.home, home);
  assert.equal(readSettings([], { SKERRY_HOME: "" }).config.home, defaultHome());
  assert.equal(readSettings(["--home=some/where"], {}).config.home, resolve("some/where"));
});

test("a flag's value follows it or an equals sign, and is never the next flag", (t) => {
  const home = openHome(t);
  const env = { SKERRY_HOME: home };
  assert.equal(readSettings(["--api-port=5"], env).config.apiPort, 5);
  assert.equal(readSettings(["--api-port", "5"], env).config.apiPort, 5);
  assert.equal(readSettings(["--store=a=b=c"], env).config.store, "a=b=c");
  assert.equal(readSettings(["--example", "false"], env).config.example, false);
  assert.deepEqual(problemsOf(["--host", "--api-port", "5"], env), ["--host needs a value"]);
  assert.deepEqual(problemsOf(["--host"], env), ["--host needs a value"]);
  assert.deepEqual(problemsOf(["--host="], env), ["--host needs a value"]);
  assert.match(String(problemsOf(["--api-port", "-1"], env)), /--api-port: apiPort: Too small/);
});

test("words and flags may be mixed; --help is no setting", (t) => {
  const env = { SKERRY_HOME: openHome(t) };
  const { words, help, config } = readSettings(["restart", "--api-port", "9", "gateway"], env);
  assert.deepEqual([words, help, config.apiPort], [["restart", "gateway"], false, 9]);
  assert.equal(readSettings(["--help"], env).help, true);
  assert.equal(readSettings(["-h"], env).help, true);
});

test("an unknown flag is answered with the nearest known one", (t) => {
  const env = { SKERRY_HOME: openHome(t) };
  assert.deepEqual(problemsOf(["--api-prot", "5"], env), [
    "there is no flag --api-prot, did you mean --api-port?",
  ]);
  assert.deepEqual(problemsOf(["--zebra-crossing"], env), ["there is no flag --zebra-crossing"]);
  assert.deepEqual(problemsOf(["-x"], env), ["there is no flag -x"]);
});

test("all problems are told at once, each with where it was set", (t) => {
  const home = openHome(t, '{"logLevel": "loud", "apiProt": 5, "uidCount": 1}');
  const env = { SKERRY_HOME: home, SKERRY_GATEWAY_PORT: "many", SKERRY_EXAMPLE: "maybe" };
  const problems = problemsOf(["--blanks", "1000", "--hosst", "x", "--host"], env);
  const file = join(home, "config.json");
  const found = (text: string): boolean => problems.some((problem) => problem.startsWith(text));
  for (const text of [
    "there is no flag --hosst, did you mean --host?",
    "--host needs a value",
    "--blanks: blanks: Too big",
    "SKERRY_GATEWAY_PORT: gatewayPort: ",
    "SKERRY_EXAMPLE: example: ",
    `${file}: logLevel: `,
    `${file}: uidCount: Too small`,
    'unknown key "apiProt", did you mean "apiPort"?',
  ])
    assert.ok(found(text), `${text} in ${problems.join("\n")}`);
});

test("numbers are numbers: not empty, not words, not parts, not endless", (t) => {
  const env = { SKERRY_HOME: openHome(t) };
  for (const text of ["", " ", "x", "1x", "1.5", "NaN", "Infinity", "1e999", "99999"])
    assert.equal(problemsOf([`--api-port=${text}`], env).length, 1, text);
  for (const text of ["0", "65535"]) assert.deepEqual(problemsOf([`--api-port=${text}`], env), []);
});

test("a certificate comes with its key", (t) => {
  const env = { SKERRY_HOME: openHome(t), SKERRY_GATEWAY_TLS_CERT: "/c.pem" };
  assert.deepEqual(problemsOf([], env), [
    "SKERRY_GATEWAY_TLS_CERT: gatewayTlsCert: it and gatewayTlsKey are set together",
  ]);
  assert.deepEqual(problemsOf(["--gateway-tls-key", "/k.pem"], env), []);
});

test("a file that is no object of keys is a problem, not an empty one", (t) => {
  for (const text of ["", "{", "null", "5", "[]", '"x"']) {
    const problems = problemsOf([], { SKERRY_HOME: openHome(t, text) });
    assert.equal(problems.length, 1, text);
    assert.match(problems[0] ?? "", /config\.json: it /);
  }
  const moved = openHome(t, '{"home": "/elsewhere"}');
  assert.match(String(problemsOf([], { SKERRY_HOME: moved })), /home cannot be set in the file/);
  const strange = openHome(t, '{"__proto__": {"apiPort": 1}, "constructor": 2}');
  assert.equal(problemsOf([], { SKERRY_HOME: strange }).length, 1);
});

test("the help names every key with its flag and its environment name", () => {
  const text = helpText();
  for (const key of Object.keys(platformConfig.shape)) {
    assert.ok(text.includes(`  ${flagOf(key)} `), key);
    assert.ok(text.includes(` ${envNameOf(key)} `), key);
  }
});
