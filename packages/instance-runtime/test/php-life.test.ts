import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { php } from "./languages.ts";

const ECHO = `function handler($e) { return $e; }`;

describe("the life of a PHP instance", { skip: php.missing }, () => {
  test("it names itself, warm or not, and ends with its link", async (t) => {
    for (const warm of ["event", "fetch", "none"] as const) {
      const instance = php.start(t, { warm });
      await instance.until(() => instance.instanceFacts !== undefined);
      assert.equal(instance.instanceFacts?.["role"], "instance");
      assert.match(String(instance.instanceFacts?.["runtimeBuild"]), /^php-8\.\d+/);
      instance.link.close("the agent went");
      assert.deepEqual(await instance.exited, { code: 0, signal: null });
      assert.equal(instance.stderr + instance.rawOutput, "");
    }
  });

  test("it falls silent when parked and serves the next peer", async (t) => {
    const instance = await php.run(t, ECHO);
    await instance.link.park();
    instance.pipe.detach();
    instance.connect();
    assert.equal((await instance.invoke({ n: 1 })).text(), '{"n":1}');
    await new Promise<void>((resolve) => instance.link.ping(resolve));
  });

  test("a second specialise is refused whatever it carries, a blank refuses requests", async (t) => {
    const instance = php.start(t);
    await assert.rejects(instance.invoke({}), /blank/);
    await instance.load(php.artefact(t, ECHO));
    const again = await instance.specialise(
      php.artefact(t, `function handler() { return 'other'; }`),
    );
    assert.equal(again.ok ? "" : again.name, "AlreadySpecialised");
    assert.equal((await instance.invoke({ n: 1 })).text(), '{"n":1}');
    assert.equal((await instance.codeCache()).reply.ok, false);
    await assert.rejects(instance.ask("nonsense"), /does not know/);
  });

  test("code that fails to load says why, and the instance is of no use afterwards", async (t) => {
    for (const [source, name, message] of [
      [`function handler( { }`, "ParseError", /syntax error/],
      [`throw new RangeException('at load'); function handler() {}`, "RangeException", /at load/],
      [`class Other {}`, "HandlerMissing", /Expected a function `handler`/],
      [`return 5;`, "HandlerMissing", /returns a int/],
    ] as const) {
      const instance = php.start(t);
      const reply = await instance.specialise(php.artefact(t, source));
      assert.ok(!reply.ok);
      assert.equal(reply.name, name);
      assert.match(reply.message, message);
      await assert.rejects(instance.invoke({}), /failed/);
      await instance.until(() => instance.entries.length > 0);
    }
  });

  test("loading says how long it took, and what kind of handler it found", async (t) => {
    const instance = php.start(t);
    const event = await instance.specialise(php.artefact(t, `usleep(5_000); ${ECHO}`));
    assert.ok(
      event.ok && event.handlerKind === "event" && event.initUs >= 5_000 && event.codeUs > 0,
    );
    const page = await php.start(t).specialise(php.artefact(t, `echo 1;`));
    assert.ok(page.ok && page.handlerKind === "fetch");
  });

  test("the environment is the function's own, in all places where PHP has one", async (t) => {
    const instance = await php.run(
      t,
      `function handler() { return [getenv(), $_ENV, getcwd(), date_default_timezone_get(), ini_get('memory_limit'),
         array_diff_key($_SERVER, $_ENV)]; }`,
      {
        env: { SECRET: "of the agent", HOME: "/home/x" },
        specialise: {
          noWeb: true,
          env: { GREETING: "grüezi", TZ: "Europe/Zurich" },
          memoryMb: 512,
        },
      },
    );
    const [env, own, directory, zone, limit, server] = (await instance.invoke({})).json() as [
      ...[Record<string, string>, Record<string, string>, string, string, string, object],
    ];
    assert.deepEqual(env, {
      ...{ PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/home/x", TZ: "Europe/Zurich" },
      ...{ GREETING: "grüezi", SKERRY_APP: "shop", SKERRY_FUNCTION: "hello" },
      ...{ SKERRY_REVISION: "rev_1", SKERRY_INSTANCE_ID: "inst_1", SKERRY_MEMORY_MB: "512" },
    });
    assert.deepEqual(own, env);
    assert.match(directory, /code$/);
    assert.deepEqual([zone, limit], ["Europe/Zurich", "460M"]);
    assert.deepEqual(server, { argv: [], argc: 0 });
  });

  test("a peer that breaks the protocol is cut off", async (t) => {
    const instance = php.start(t);
    await instance.until(() => instance.instanceFacts !== undefined);
    instance.socket.write(Buffer.from([255, 255, 255, 255, 2, 0, 0, 0, 1, 0, 0, 0]));
    assert.deepEqual(await instance.exited, { code: 0, signal: null });
  });
});

describe("the ends of a PHP process", { skip: php.missing }, () => {
  test("exit keeps its code and every line, and the log says what it means", async (t) => {
    const instance = await php.run(
      t,
      `function handler() { register_shutdown_function(fn () => print "really last\\n"); echo 'no line end'; exit(7); }`,
    );
    const id = instance.nextId();
    await assert.rejects(instance.invoke({}, { id }), { reason: "LINK_CLOSED" });
    assert.deepEqual(await instance.exited, { code: 7, signal: null });
    await instance.until(() => instance.messages(id).length === 3);
    const [words, exited, last] = instance.messages(id);
    assert.deepEqual([words, last], ["no line end", "really last"]);
    assert.match(exited ?? "", /exit\(\)/);
  });

  test("a fatal error is told in the request's log and on stderr, and ends the process", async (t) => {
    const instance = await php.run(
      t,
      `function handler() { eval('interface A {} class B implements A, A {}'); }`,
    );
    const id = instance.nextId();
    await assert.rejects(instance.invoke({}, { id }), { reason: "LINK_CLOSED" });
    assert.equal((await instance.exited).code, 255);
    await instance.until(() => instance.messages(id).length === 1);
    assert.match(instance.messages(id)[0] ?? "", /^Fatal error: .*\n {4}at index\.php/);
    await instance.until(() => /PHP Fatal error: /.test(instance.stderr));
  });

  test("memory ends below the instance's own, and PHP says so", async (t) => {
    const instance = await php.run(
      t,
      `function handler() { $all = []; while (true) { $all[] = str_repeat('x', 1 << 20); } }`,
      { specialise: { memoryMb: 64 } },
    );
    const id = instance.nextId();
    await assert.rejects(instance.invoke({}, { id }), { reason: "LINK_CLOSED" });
    assert.equal((await instance.exited).code, 255);
    await instance.until(() => instance.messages(id).length === 1);
    assert.match(instance.stderr, /Allowed memory size of 41943040 bytes exhausted/);
  });

  test("the end of the link ends a handler that looks at it, whatever it catches", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e, $c) { echo "begun\\n"; while (true) { try { $c->isCancelled(); usleep(500); } catch (Throwable) {} } }`,
    );
    instance.open({ method: "EVENT" });
    await instance.until(() => instance.messages().includes("begun"));
    instance.link.close("the gateway went");
    assert.deepEqual(await instance.exited, { code: 0, signal: null });
  });
});

describe("PHP's log", { skip: php.missing }, () => {
  test("everything that PHP can print or complain of is an entry of its request", async (t) => {
    const instance = await php.run(
      t,
      `echo "at load";
       function handler($e, $c) {
         echo "a\\nb\\n"; printf('%s', 'be'); printf("%s\\n", 'gun'); printf('%d', 5);
         error_log('log'); trigger_error('mine'); $x = [] . ''; @$nothing['x'];
         $c->log->warning('hello {who}', ['who' => 'ünï', 'n' => 1]);
         $c->log->error('failed', ['exception' => new RangeException('why')]);
         $c->log->debug('quiet');
         error_log("\\xff");
       }`,
    );
    const id = instance.nextId();
    await instance.invoke({}, { id });
    await instance.until(() => instance.messages(id).length === 10);
    const at = "\n    at index.php:4";
    assert.deepEqual(
      instance.entries.filter(({ r }) => r === id).map(({ l, m }) => [l, m]),
      [
        ["info", "a\nb"],
        ["info", "begun"],
        ["error", "log"],
        ["info", `Notice: mine${at}`],
        ["warn", `Warning: Array to string conversion${at}`],
        ["warn", 'hello ünï {"n":1}'],
        ["error", 'failed {"exception":"RangeException: why"}'],
        ["debug", "quiet"],
        ["error", "\ufffd"],
        ["info", "5"],
      ],
    );
    assert.deepEqual([instance.entries[0]?.m, instance.entries[0]?.r], ["at load", undefined]);
    assert.equal(instance.stderr + instance.rawOutput, "");
  });

  test("buffers that a handler opens or closes harm neither log nor answer", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e) {
         if ($e['close'] ?? false) { while (ob_get_level()) { ob_end_clean(); } echo "raw\\n"; fclose(STDOUT); return 1; }
         ob_start(); echo "kept\\n"; return 2;
       }`,
    );
    assert.equal((await instance.invoke({ close: true })).text(), "1");
    assert.equal((await instance.invoke({})).text(), "2");
    await instance.until(() => instance.messages().includes("kept"));
    await instance.until(() => instance.rawOutput === "raw\n");
  });

  test("a reader that does not read holds nobody up: lines are dropped and counted", async (t) => {
    const instance = await php.run(
      t,
      `function handler($e) { for ($n = 0; $n < $e['n']; $n += 1) { error_log(str_repeat('x', 1000)); } return 'done'; }`,
    );
    const { stdout } = instance.child;
    stdout?.pause();
    assert.equal((await instance.invoke({ n: 3_000 })).text(), '"done"');
    stdout?.resume();
    await instance.invoke({ n: 1 });
    await instance.until(() => instance.messages().some((text) => /lines dropped/.test(text)));
    assert.ok(instance.entries.length < 3_000);
  });

  test("a log that nobody can read any more changes nothing", async (t) => {
    const source = `function handler($e) { error_log(str_repeat('x', 9000)); return $e['n']; }`;
    const instance = await php.run(t, source);
    instance.child.stdout?.destroy();
    for (let n = 0; n < 50; n += 1) assert.equal((await instance.invoke({ n })).text(), String(n));
  });

  test("a line above the limit is cut at a whole character and says what is missing", async (t) => {
    const instance = await php.run(
      t,
      `function handler() { error_log('x' . str_repeat('é', 20_000)); }`,
    );
    await instance.invoke({});
    await instance.until(() => instance.entries.length === 1);
    assert.match(instance.messages()[0] ?? "", /^xé+… \[cut: 23618 bytes more\]$/);
  });
});
