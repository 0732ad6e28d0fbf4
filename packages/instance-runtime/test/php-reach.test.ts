/** What PHP's code reaches the network by. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IGNORING_STREAM, type LinkStream } from "@skerry/link";
import type { Instance } from "./harness.ts";
import { testReach } from "./reach-cases.ts";
import { php } from "./languages.ts";

const SOURCE = `
function db() {
    return stream_socket_client("tcp://" . getenv("DB_HOST") . ":" . getenv("DB_PORT"));
}
function talk($event) {
    $text = "";
    $db = db();
    fwrite($db, $event["say"]);
    while (!feof($db)) {
        $part = @fread($db, 65536);
        if ($part === false) {
            return ["text" => $text, "error" => true];
        }
        $text .= $part;
        if (str_ends_with($text, "?")) {
            fwrite($db, "bye");
            stream_socket_shutdown($db, STREAM_SHUT_WR);
        }
    }
    $isBroken = $text === "" || $text === "half";
    return ["text" => $text] + ($isBroken ? ["error" => true] : []);
}
function keep($event) {
    static $kept = null;
    $kept ??= db();
    fwrite($kept, $event["say"]);
    return ["text" => trim(fgets($kept))];
}
function echo_back($event) {
    $db = db();
    stream_set_blocking($db, false);
    $left = str_repeat("x", $event["bytes"]);
    $bytes = 0;
    while (!feof($db)) {
        $read = [$db];
        $write = $left === "" ? [] : [$db];
        $none = null;
        stream_select($read, $write, $none, 5);
        if ($write) {
            $left = substr($left, fwrite($db, $left));
            if ($left === "") stream_socket_shutdown($db, STREAM_SHUT_WR);
        }
        $bytes += strlen((string) fread($db, 65536));
    }
    return ["bytes" => $bytes];
}
function proxy($event) {
    $place = parse_url(getenv("HTTP_PROXY"));
    $proxy = stream_socket_client("tcp://{$place["host"]}:{$place["port"]}");
    fwrite($proxy, $event["say"]);
    return ["text" => stream_get_contents($proxy)];
}
function reset_it($event) {
    $db = db();
    fwrite($db, $event["say"]);
    $text = fread($db, 100);
    $linger = ["l_onoff" => 1, "l_linger" => 0];
    socket_set_option(socket_import_stream($db), SOL_SOCKET, SO_LINGER, $linger);
    fclose($db);
    return ["text" => $text];
}
function env($event) {
    return array_map(fn ($name) => getenv($name) === false ? null : getenv($name), $event["names"]);
}
function handler($event, $context) {
    $own = ["echo" => "echo_back", "reset" => "reset_it"];
    return ($own[$event["do"]] ?? $event["do"])($event);
}
`;

testReach({
  name: "PHP",
  missing: php.missing,
  run: (t, specialise) => php.run(t, SOURCE, { specialise }),
});

const ASKS = `$db = stream_socket_client("tcp://" . getenv("DB_HOST") . ":" . getenv("DB_PORT"));
  fwrite($db, "hello");
  $said = fread($db, 100);`;
const DB = { connect: ["db"] };

/** Answers connections with `there`, and calls with the number of the call. */
function answerAll(instance: Instance): void {
  let calls = 0;
  instance.accept = ({ head, stream }) => {
    const isCall = (JSON.parse(head) as { readonly op: string }).op === "call";
    if (isCall) {
      calls += 1;
      const said = { s: 200, h: ["content-type", "application/json"], id: "x" };
      stream.reply(JSON.stringify(said), Buffer.from(String(calls)), true);
    } else stream.reply('{"ok":true}');
    return {
      onReply: () => undefined,
      onWritable: () => undefined,
      onFailed: () => undefined,
      onBody(chunk, end) {
        if (!isCall && chunk.length > 0) stream.write(Buffer.from("there"));
        if (!isCall && end) stream.end();
      },
    };
  };
}

/** Calls that are refused before their payload is taken, and then one that the test holds. */
const REFUSED = `for ($n = 0; $n < 20; $n += 1) {
    try {
      $c->call("shop/refused", str_repeat("x", 400_000), stream: true);
    } catch (Skerry\\CallFailed $failed) {
      $reason = $failed->reason;
    }
  }
  $c->call("shop/held");`;

describe("calls that fail where an answer was to come in parts", { skip: php.missing }, () => {
  for (const [what, source] of Object.entries({
    "a handler": `function handler($e, $c) { ${REFUSED} return $reason; }`,
    "a page": `<?php $c = Skerry\\Context::current(); ${REFUSED} echo $reason;`,
  })) {
    test(`leave nothing of themselves with ${what} that goes on`, async (t) => {
      const instance = await php.run(t, source);
      let held: LinkStream | undefined;
      instance.accept = ({ head, stream }) => {
        const isHeld = head.includes("shop/held");
        const e = { reason: "FUNCTION_THROTTLED", message: "too much" };
        if (isHeld) held = stream;
        else stream.reply(JSON.stringify({ e }), undefined, true);
        return IGNORING_STREAM;
      };
      const answered = instance.request();
      await instance.until(() => held !== undefined);
      // The request, and the call that is held.
      assert.equal(instance.link.streams, 2);
      held?.reply(JSON.stringify({ s: 200, h: [] }), undefined, true);
      assert.match((await answered).text(), /FUNCTION_THROTTLED/);
      await instance.until(() => instance.link.streams === 0);
    });
  }
});

describe("the process that serves PHP's connections", { skip: php.missing }, () => {
  test("passes calls and later requests on, also to the next gateway", async (t) => {
    const source = `function handler($e, $c) {
      $before = $c->call("shop/other");
      ${ASKS}
      fclose($db);
      return [$before, $said, $c->call("shop/other"), $c->call("shop/other")];
    }`;
    const instance = await php.run(t, source, { specialise: DB });
    answerAll(instance);
    assert.deepEqual((await instance.invoke({})).json(), [1, "there", 2, 3]);
    assert.deepEqual((await instance.invoke({})).json(), [4, "there", 5, 6]);
    await instance.until(() => instance.link.streams === 0);
    await instance.link.park();
    instance.pipe.detach();
    instance.connect();
    assert.deepEqual((await instance.invoke({})).json(), [7, "there", 8, 9]);
  });

  test("serves pages, each of which has a process of its own", async (t) => {
    const instance = await php.run(t, `<?php ${ASKS} echo $said;`, { specialise: DB });
    answerAll(instance);
    const answers = await Promise.all([1, 2, 3].map(() => instance.request({ path: "/" })));
    assert.deepEqual(
      answers.map((answer) => answer.text()),
      ["there", "there", "there"],
    );
  });

  test("streams go on while a connection is used", async (t) => {
    const source = `function handler() { yield "a"; ${ASKS} yield $said; yield "z"; }`;
    const instance = await php.run(t, source, { specialise: DB });
    answerAll(instance);
    assert.equal((await instance.request({ path: "/" })).text(), "atherez");
  });

  test("ends with its instance", async (t) => {
    const instance = await php.run(t, `function handler($e) { ${ASKS} exit(3); }`, {
      specialise: DB,
    });
    answerAll(instance);
    await assert.rejects(instance.invoke({}));
    assert.equal((await instance.exited).code, 3);
    await instance.until(() => instance.link.closed);
  });
});
