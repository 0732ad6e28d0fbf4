/** Reports of how far a job is, and its cooperative end, in Node, Python and PHP. */
import { php, python } from "../test/languages.ts";
import { runSource } from "../test/harness.ts";
import { testProgress } from "../test/progress-cases.ts";

const NODE = `exports.handler = async (event, context) => {
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  if (event.do === "report") {
    context.progress(0.5);
    for (const value of event.values) context.progress(value);
    context.heartbeat();
    return "reported";
  }
  if (event.do === "bad") {
    try {
      context.progress("x".repeat(5_000));
    } catch (error) {
      return error.message;
    }
  }
  console.log("begun");
  while (!context.signal.aborted) {
    context.heartbeat();
    await wait(20);
  }
  return "half";
};`;

testProgress({ name: "Node", missing: false, run: (t) => runSource(t, NODE) });

const python3 = (wait: string, kind: string): string => `
import asyncio, time
${kind} handler(event, context):
    if event["do"] == "report":
        context.progress(0.5)
        for value in event["values"]:
            context.progress(value)
        context.heartbeat()
        return "reported"
    if event["do"] == "bad":
        try:
            context.progress("x" * 5000)
        except ValueError as error:
            return str(error)
    print("begun")
    while not context.cancelled.is_set():
        context.heartbeat()
        ${wait}
    return "half"
`;

for (const [name, source] of [
  ["Python, functions", python3("time.sleep(0.02)", "def")],
  ["Python, coroutines", python3("await asyncio.sleep(0.02)", "async def")],
] as const) {
  testProgress({ name, missing: python.missing, run: (t) => python.run(t, source) });
}

const PHP = `function handler($event, $context) {
  if ($event["do"] === "report") {
    $context->progress(0.5);
    foreach ($event["values"] as $value) {
      $context->progress($value);
    }
    $context->heartbeat();
    return "reported";
  }
  if ($event["do"] === "bad") {
    try {
      $context->progress(str_repeat("x", 5000));
    } catch (LengthException $error) {
      return $error->getMessage();
    }
  }
  $context->log->info("begun");
  while (!$context->isCancelled()) {
    $context->heartbeat();
    usleep(20000);
  }
  return "half";
}`;

testProgress({ name: "PHP", missing: php.missing, run: (t) => php.run(t, PHP) });
