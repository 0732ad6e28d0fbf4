import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { scratch, type Answered, type Instance } from "./harness.ts";
import { php } from "./languages.ts";

const HTML = ["content-type", "text/html; charset=UTF-8"];
const JSON_OF = (value: string): string => `<?php echo json_encode(${value});`;

interface Seen extends Answered {
  headers(name: string): string[];
}

async function ask(instance: Instance, options: Parameters<Instance["request"]>[0]): Promise<Seen> {
  const answer = await instance.request(options);
  const { h } = answer.head;
  const headers = (name: string): string[] =>
    h.flatMap((value, at) => (at % 2 === 1 && h[at - 1] === name ? [value] : []));
  return { ...answer, headers };
}

describe("a page of PHP", { skip: php.missing }, () => {
  test("it prints its answer; status, headers and cookies are what it set", async (t) => {
    const instance = await php.run(
      t,
      `<?php function f() { return 'ü'; } ?>
<h1><?= f() ?></h1><?php
http_response_code(201); header('X-One: 1'); header('X-one: 2'); header('X-One: 3', false); header('X-Gone: 1');
header_remove('x-gone'); header('Content-Length: 3'); header("Bad: a\\nb: c");
setcookie('a', 'b c;', ['expires' => 0, 'path' => '/', 'httponly' => true, 'samesite' => 'Lax']);
setcookie('gone'); setrawcookie('raw', 'x');
header_register_callback(fn () => header('X-Late: ' . count(headers_list())));
if (http_response_code() !== 201 || headers_sent()) { echo 'wrong'; }`,
    );
    const answer = await ask(instance, { path: "/" });
    assert.equal(answer.head.s, 201);
    assert.equal(answer.text(), "<h1>ü</h1>");
    assert.deepEqual(answer.headers("x-one"), ["2", "3"]);
    assert.deepEqual(answer.headers("x-late"), ["6"]);
    assert.deepEqual(answer.headers("content-type"), ["text/html; charset=UTF-8"]);
    assert.deepEqual(answer.headers("set-cookie"), [
      "a=b%20c%3B; path=/; HttpOnly; SameSite=Lax",
      "gone=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0",
      "raw=x",
    ]);
    assert.deepEqual([answer.headers("x-gone"), answer.headers("content-length")], [[], []]);
    await instance.until(() => instance.entries.length === 1);
    assert.match(instance.messages()[0] ?? "", /more than a single header/);
  });

  test("each request finds PHP as new: exit, declarations and globals do not outlive it", async (t) => {
    const instance = await php.run(
      t,
      `$count = ($count ?? 0) + 1; function f() {} class C { static $n = 0; } C::$n += 1;
       register_shutdown_function(function () { echo ' end'; });
       echo $count, C::$n, ini_set('memory_limit', '64M'); if ($_GET) { header('Location: /there'); exit('bye'); }`,
    );
    const first = (await ask(instance, { path: "/" })).text();
    assert.match(first, /^11104M end$/);
    const second = await ask(instance, { path: "/?x" });
    assert.deepEqual([second.head.s, second.headers("location")], [302, ["/there"]]);
    assert.equal(second.text(), "11104Mbye end");
    assert.equal(instance.child.exitCode, null);
  });

  test("the superglobals tell the request", async (t) => {
    const instance = await php.run(
      t,
      JSON_OF(`[$_GET, $_POST, $_COOKIE, $_REQUEST, array_diff_key($_SERVER, ['REQUEST_TIME' => 1, 'REQUEST_TIME_FLOAT' => 1,
        'DOCUMENT_ROOT' => 1, 'SCRIPT_FILENAME' => 1, 'argv' => 1, 'argc' => 1] + $_ENV), getallheaders(), $_SERVER['SCRIPT_FILENAME'] === __FILE__,
        file_get_contents('php://input'), Skerry\\Context::current()->requestId, Skerry\\Context::current()->remainingMs() > 0]`),
    );
    const id = instance.nextId();
    const headers = [
      ...[
        "host",
        "shop.example",
        "content-type",
        "application/x-www-form-urlencoded",
        "x-a",
        "1",
        "x-a",
        "2",
      ],
      ...["cookie", "a=1%20+; b[x]=2; a=9", "proxy", "evil", "authorization", "Basic dTpwOnE="],
    ];
    const options = {
      id,
      method: "POST",
      path: "/a%20b/c?x=1&y[]=2&y[]=%C3%A9",
      headers,
      body: "p[q]=1+2&x=post",
    };
    const [get, post, cookie, all, server, sent, isFile, input, requestId, hasTime] = (
      await ask(instance, options)
    ).json() as unknown[];
    assert.deepEqual(get, { x: "1", y: ["2", "é"] });
    assert.deepEqual(post, { p: { q: "1 2" }, x: "post" });
    assert.deepEqual(cookie, { a: "1 +", b: { x: "2" } });
    assert.deepEqual(all, { p: { q: "1 2" }, x: "post", y: ["2", "é"] });
    assert.deepEqual(server, {
      ...{
        REQUEST_METHOD: "POST",
        REQUEST_URI: options.path,
        QUERY_STRING: "x=1&y[]=2&y[]=%C3%A9",
      },
      ...{ PATH_INFO: "/a b/c", SCRIPT_NAME: "/index.php", PHP_SELF: "/index.php/a b/c" },
      ...{ SERVER_PROTOCOL: "HTTP/1.1", SERVER_SOFTWARE: "Skerry", GATEWAY_INTERFACE: "CGI/1.1" },
      ...{ SERVER_NAME: "hello.shop.localhost", SERVER_PORT: "4480", SKERRY_REQUEST_ID: id },
      ...{ HTTP_HOST: "shop.example", CONTENT_TYPE: headers[3], HTTP_CONTENT_TYPE: headers[3] },
      ...{ HTTP_X_A: "1, 2", HTTP_COOKIE: headers[9], HTTP_AUTHORIZATION: headers[13] },
      ...{ PHP_AUTH_USER: "u", PHP_AUTH_PW: "p:q" },
    });
    assert.equal((sent as Record<string, string>)["X-A"], "2");
    assert.deepEqual([isFile, input, requestId, hasTime], [true, options.body, id, true]);
  });

  test("uploaded files are there, may be moved, and are gone afterwards", async (t) => {
    const instance = await php.run(
      t,
      `$one = $_FILES['one']['tmp_name']; $two = $_FILES['two']['tmp_name']['a'];
       $seen = [$_POST, array_diff_key($_FILES['one'], ['tmp_name' => 1]), $_FILES['two']['name'], $_FILES['two']['error'],
         is_uploaded_file($one), is_uploaded_file(__FILE__), move_uploaded_file($one, "$one.kept"), is_uploaded_file($one),
         bin2hex(file_get_contents("$one.kept")), file_get_contents($two), $two]; unlink("$one.kept"); echo json_encode($seen);`,
    );
    const bytes = Buffer.from([0, 13, 10, 45, 45, 255]);
    const part = (disposition: string, content: Buffer | string): Buffer =>
      Buffer.concat([
        Buffer.from(`--XX\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`),
        Buffer.from(content),
        Buffer.from("\r\n"),
      ]);
    const body = Buffer.concat([
      part('name="text"', "é\r\n"),
      part('name="list[]"', "1"),
      part('name="one"; filename="dir/na\\"me.bin"\r\nContent-Type: image/png', bytes),
      part('name="two[a]"; filename="b.txt"', "b"),
      part('name="two[none]"; filename=""', ""),
      Buffer.from("--XX--\r\n"),
    ]);
    const headers = ["content-type", "multipart/form-data; boundary=XX"];
    const seen = (await ask(instance, { method: "POST", headers, body })).json() as unknown[];
    assert.deepEqual(seen.slice(0, -1), [
      { text: "é\r\n", list: ["1"] },
      { name: 'na"me.bin', type: "image/png", error: 0, size: 6 },
      ...[
        { a: "b.txt", none: "" },
        { a: 0, none: 4 },
      ],
      ...[true, false, true, false, bytes.toString("hex"), "b"],
    ]);
    const left = await php.run(t, JSON_OF(`file_exists($_GET['f'])`));
    assert.equal((await ask(left, { path: `/?f=${String(seen.at(-1))}` })).text(), "false");
  });

  test("a body is read as it comes, again if asked; php:// is PHP's own otherwise", async (t) => {
    const instance = await php.run(
      t,
      `$in = fopen('php://input', 'rb'); $first = fread($in, 3); fseek($in, 1); $rest = stream_get_contents($in);
       $memory = fopen('php://memory', 'r+'); fwrite($memory, 'kept'); rewind($memory);
       fwrite(fopen('php://output', 'w'), 'out '); fwrite(fopen('php://stderr', 'w'), "err\\n");
       echo $first, ' ', $rest, ' ', strlen(file_get_contents('php://input')), ' ', fread($memory, 9);`,
    );
    const options = { method: "PUT", body: "abcdef" };
    assert.equal((await ask(instance, options)).text(), "out abc bcdef 6 kept");
    await instance.until(() => instance.stderr === "err\n");
    assert.match((await ask(instance, { body: "" })).text(), /^out {3}0 kept$/);
  });

  test("a form above the maximum is refused, without running the page", async (t) => {
    const instance = await php.run(t, `error_log('ran');`);
    const headers = ["content-type", "application/x-www-form-urlencoded"];
    const body = Buffer.alloc((6 << 20) + 1, "a");
    const refused = await ask(instance, { method: "POST", headers, body });
    assert.equal(refused.head.s, 413);
    assert.match(refused.text(), /REQUEST_BODY_TOO_LARGE/);
    assert.deepEqual(instance.messages(), []);
    assert.equal((await ask(instance, { method: "GET" })).head.s, 200);
  });

  test("a session lives in a cookie", async (t) => {
    const instance = await php.run(
      t,
      `session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];`,
      { specialise: { env: {} } },
    );
    const first = await ask(instance, { path: "/" });
    const [cookie = ""] = first.headers("set-cookie");
    assert.match(cookie, /^PHPSESSID=\w+; path=\/$/);
    assert.deepEqual(first.headers("pragma"), ["no-cache"]);
    const headers = ["cookie", cookie.split(";", 1)[0] ?? ""];
    const second = await ask(instance, { path: "/", headers });
    assert.deepEqual([first.text(), second.text(), second.headers("set-cookie")], ["1", "2", []]);
  });

  test("an invocation is a POST of its event", async (t) => {
    const instance = await php.run(
      t,
      `echo $_SERVER['REQUEST_METHOD'], file_get_contents('php://input');`,
    );
    assert.equal((await instance.invoke({ n: 1 })).text(), 'POST{"n":1}');
    assert.equal((await ask(instance, { method: "HEAD" })).text(), "");
  });
});

describe("how a page of PHP streams", { skip: php.missing }, () => {
  test("what is flushed leaves at once, and headers come too late afterwards", async (t) => {
    const instance = await php.run(
      t,
      `header('X-One: 1'); echo 'one'; flush(); header('X-Two: 2'); http_response_code(500);
       while (!connection_aborted() && file_get_contents('php://input') === '') { usleep(500); } echo 'two';`,
    );
    const id = instance.nextId();
    const open = instance.open({ id, method: "PUT" }, true);
    assert.deepEqual((await open.replied).h, ["x-one", "1", ...HTML]);
    await instance.until(() => open.received() === 3);
    open.stream.write(Buffer.from("go"));
    open.stream.end();
    assert.equal((await open.finished).toString(), "onetwo");
    await instance.until(() => instance.messages(id).length === 2);
    assert.match(instance.messages(id)[0] ?? "", /headers already sent/);
  });

  test("output past every buffer, also of child processes, is the body; the head waits for it", async (t) => {
    const instance = await php.run(
      t,
      `while (ob_get_level()) { ob_end_clean(); } header('X-One: 1'); http_response_code(203);
       system('echo from a child'); passthru('head -c 300000 /dev/zero'); fwrite(fopen('php://stdout', 'w'), 'end');`,
    );
    const answer = await ask(instance, { path: "/" });
    assert.deepEqual([answer.head.s, answer.headers("x-one")], [203, ["1"]]);
    assert.equal(answer.body.length, "from a child\n".length + 300_000 + 3);
    assert.equal(instance.rawOutput, "");
    const direct = await php.run(t, `fwrite(fopen('php://stdout', 'w'), 'first '); echo 'then';`);
    assert.equal((await ask(direct, { path: "/" })).text(), "first then");
  });

  test("megabytes pass both ways byte for byte, only as fast as they are taken", async (t) => {
    const instance = await php.run(
      t,
      `$in = fopen('php://input', 'r'); while (!feof($in)) { echo fread($in, 8192); }`,
    );
    const body = randomBytes(3_000_001);
    const { body: seen } = await ask(instance, { method: "PUT", body });
    assert.ok(seen.equals(body));
    const open = instance.open({ method: "PUT", body }, false, false);
    await instance.until(() => open.received() === 256 << 10);
    open.stream.grant(64 << 10);
    await instance.until(() => open.received() === 320 << 10);
    open.stream.cancel("enough");
    assert.equal((await ask(instance, { method: "PUT", body: "x" })).text(), "x");
  });

  test("what an ended page left for a slow client comes whole, and holds nobody else up", async (t) => {
    const instance = await php.run(
      t,
      `if ($_GET) { register_shutdown_function(fn () => error_log(getmypid())); }
       echo substr(str_repeat('0123456', 50000), 0, $_GET ? 330001 : 1);`,
    );
    const id = instance.nextId();
    const open = instance.open({ id, path: "/?long" }, false, false);
    await instance.until(() => instance.messages(id).length === 1 && open.received() === 256 << 10);
    while (existsSync(`/proc/${instance.messages(id)[0]}`)) {
      assert.equal((await ask(instance, {})).text(), "0");
    }
    assert.equal((await ask(instance, {})).text(), "0");
    open.stream.grant(1 << 20);
    assert.equal((await open.finished).toString(), "0123456".repeat(50_000).slice(0, 330_001));
  });

  test("a page that ends behind what its child printed holds nobody up for a slow client", async (t) => {
    // Another child keeps the body open, so that the page's end is heard before the body's.
    const instance = await php.run(
      t,
      `if (!$_GET) { exit('next'); }
       $run = ['sh', '-c', 'sleep 600 >&1 & echo $! >&3; head -c 350000 /dev/zero'];
       $child = proc_open($run, [3 => ['pipe', 'w']], $pipes);
       error_log(trim(fgets($pipes[3])));
       error_log((string) getmypid());
       echo proc_close($child), 'tail';`,
    );
    const id = instance.nextId();
    const open = instance.open({ id, path: "/?long" }, false, false);
    await instance.until(() => instance.messages(id).length === 2 && open.received() === 256 << 10);
    const [child, page] = instance.messages(id);
    t.after(() => void process.kill(Number(child)));
    open.stream.grant(350_000 - (256 << 10));
    await instance.until(() => open.received() === 350_000);
    while (existsSync(`/proc/${page}`)) {
      assert.equal((await ask(instance, {})).text(), "next");
    }
    assert.equal((await ask(instance, {})).text(), "next");
    open.stream.grant(1 << 20);
    assert.equal((await open.finished).toString("latin1"), `${"\0".repeat(350_000)}0tail`);
  });

  test("a client may take its time over the last of a page", async (t) => {
    // A page that does not wait at all stands for one that would wait for a minute.
    const ini = scratch((run) => t.after(run));
    writeFileSync(join(ini, "impatient.ini"), "default_socket_timeout=0");
    const instance = await php.run(
      t,
      `if (!$_GET) { exit('next'); }
       echo 'head'; ob_flush();
       $out = fopen('php://fd/1', 'w');
       stream_set_blocking($out, false);
       for ($filled = 0; ($bytes = @fwrite($out, str_repeat('x', 1000))) > 0; $filled += $bytes) {
         usleep($filled < 600_000 ? 0 : 1000);
       }
       stream_set_blocking($out, true);
       error_log((string) $filled);
       echo str_repeat('tail', 10_000);`,
      { env: { PHP_INI_SCAN_DIR: `:${ini}` } },
    );
    const id = instance.nextId();
    const open = instance.open({ id, path: "/?long" }, false, false);
    await instance.until(() => instance.messages(id).length === 1);
    const filled = Number(instance.messages(id)[0]);
    for (let i = 0; i < 3; i += 1) assert.equal((await ask(instance, {})).text(), "next");
    open.stream.grant(1 << 20);
    assert.equal(
      (await open.finished).toString(),
      `head${"x".repeat(filled)}${"tail".repeat(10_000)}`,
    );
  });

  test("a page that reads nothing of a body answers all the same", async (t) => {
    const instance = await php.run(t, `echo 'done';`);
    const open = instance.open({ method: "PUT", body: randomBytes(1 << 20) }, true);
    assert.equal((await open.finished).toString(), "done");
    open.stream.end();
    assert.equal((await ask(instance, {})).text(), "done");
  });

  test("a page whose client left ends when it prints, or goes on if it said so", async (t) => {
    const instance = await php.run(
      t,
      `register_shutdown_function(fn () => error_log('ended ' . connection_status()));
       ignore_user_abort(isset($_GET['stay'])); echo str_repeat(' ', 100); flush(); error_log('begun');
       for ($n = 0; $n < 5000 && !connection_aborted(); $n += 1) { usleep(1000); echo 'x'; flush(); }
       error_log('saw it');`,
    );
    for (const [path, seen] of [
      ["/", []],
      ["/?stay", ["saw it"]],
    ] as const) {
      const id = instance.nextId();
      const open = instance.open({ id, path });
      await instance.until(() => instance.messages(id).includes("begun"));
      open.stream.cancel("the client left");
      await instance.until(() => instance.messages(id).includes("ended 1"));
      assert.deepEqual(instance.messages(id), ["begun", ...seen, "ended 1"]);
    }
  });
});

describe("how a page of PHP fails", { skip: php.missing }, () => {
  test("what it throws is told like a handler's, and the next request is served", async (t) => {
    const instance = await php.run(
      t,
      `echo 'half'; if ($_SERVER['PATH_INFO'] === '/late') { flush(); } throw new RangeException('on purpose');`,
    );
    const id = instance.nextId();
    const { head } = await instance.request({ id });
    assert.deepEqual(head.e, { kind: "failed", name: "RangeException", message: "on purpose" });
    await instance.until(() => instance.messages(id).length === 1);
    assert.equal(instance.messages(id)[0], "RangeException: on purpose\n    at index.php:1");
    const late = instance.open({ path: "/late" });
    assert.equal((await late.replied).s, 200);
    await assert.rejects(late.finished, /on purpose/);
    assert.equal((await instance.request({})).head.e?.kind, "failed");
  });

  test("a fatal error and a killed process take one request along, not the instance", async (t) => {
    const instance = await php.run(
      t,
      `match ($_SERVER['PATH_INFO']) { '/memory' => str_repeat('x', 1 << 30), '/kill' => posix_kill(getmypid(), 9),
         '/class' => eval('class A {} class A {}'), default => print 'fine' };`,
    );
    const failure = async (path: string) => (await instance.request({ path })).head.e;
    assert.match((await failure("/memory"))?.message ?? "", /^Allowed memory size/);
    assert.deepEqual(await failure("/kill"), {
      ...{ kind: "failed", name: "PageCrashed", message: "the page ended (signal 9)" },
    });
    assert.equal((await failure("/class"))?.name, "FatalError");
    assert.equal((await ask(instance, {})).text(), "fine");
    await instance.until(() =>
      instance.messages().some((text) => text.startsWith("Fatal error: Allowed")),
    );
  });

  test("requests at once have a process each and get their own answers", async (t) => {
    const instance = await php.run(
      t,
      `file_put_contents("met-{$_GET['n']}", ''); while (count(glob('met-*')) < 4) { usleep(500); } echo $_GET['n'];`,
    );
    const answers = await Promise.all([1, 2, 3, 4].map((n) => ask(instance, { path: `/?n=${n}` })));
    assert.deepEqual(
      answers.map((answer) => answer.text()),
      ["1", "2", "3", "4"],
    );
  });

  test("the end of the link ends the instance, and its pages with it when they print", async (t) => {
    const instance = await php.run(
      t,
      `error_log('pid ' . getmypid()); while (true) { echo 'x'; flush(); usleep(1000); }`,
    );
    instance.open({});
    await instance.until(() => instance.entries.length === 1);
    const pid = Number(instance.messages()[0]?.slice(4));
    instance.link.close("the gateway went");
    assert.deepEqual(await instance.exited, { code: 0, signal: null });
    const lives = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    const end = Date.now() + 60_000;
    while (lives() && Date.now() < end) await new Promise(setImmediate);
    assert.equal(lives(), false);
  });
});
