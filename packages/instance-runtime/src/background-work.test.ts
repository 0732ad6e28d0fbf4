/** Work after the answer, by `waitUntil` of Node, Python and PHP. */
import { testBackground } from "../test/background-cases.ts";
import { runSource } from "../test/harness.ts";
import { php, python } from "../test/languages.ts";

const NODE = `exports.handler = async (event, context) => {
  const wait = () => new Promise((resolve) => setTimeout(resolve, event.ms));
  if (event.do === "work") context.waitUntil(wait().then(() => console.log("done")));
  if (event.do === "fail") context.waitUntil(Promise.reject(new TypeError("on purpose")));
  return "answered";
};`;

testBackground({ name: "Node", missing: false, run: (t) => runSource(t, NODE) });

const PYTHON_WORK = `
import asyncio, time, threading
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
def blocking(event, context):
    time.sleep(event["ms"] / 1000)
    print("done")
def failing():
    raise TypeError("on purpose")
async def waiting(event):
    await asyncio.sleep(event["ms"] / 1000)
    print("done")
async def failing_later():
    failing()
`;
const PYTHON = {
  "Python, coroutines of a coroutine": `async def handler(event, context):
    if event["do"] == "work":
        context.wait_until(waiting(event))
    if event["do"] == "fail":
        context.wait_until(asyncio.create_task(failing_later()))
    return "answered"`,
  "Python, coroutines of a function": `def handler(event, context):
    if event["do"] == "work":
        context.wait_until(waiting(event))
    if event["do"] == "fail":
        context.wait_until(failing_later())
    return "answered"`,
  "Python, functions": `def handler(event, context):
    if event["do"] == "work":
        context.wait_until(lambda: blocking(event, context))
    if event["do"] == "fail":
        context.wait_until(failing)
    return "answered"`,
  "Python, futures": `def handler(event, context):
    import contextvars
    inside = contextvars.copy_context()
    if event["do"] == "work":
        context.wait_until(pool.submit(inside.run, blocking, event, context))
    if event["do"] == "fail":
        context.wait_until(pool.submit(failing))
    return "answered"`,
};

for (const [name, handler] of Object.entries(PYTHON)) {
  const source = `${PYTHON_WORK}\n${handler}`;
  testBackground({ name, missing: python.missing, run: (t) => python.run(t, source) });
}

const PHP = `function handler($event, $context) {
  if ($event["do"] === "work") {
    $context->waitUntil(function () use ($event) {
      usleep($event["ms"] * 1000);
      $GLOBALS["count"] = ($GLOBALS["count"] ?? 0) + 1;
      echo "done";
    });
  }
  if ($event["do"] === "fail") {
    $context->waitUntil(fn () => throw new TypeError("on purpose"));
  }
  return "answered";
}`;

testBackground({ name: "PHP", missing: php.missing, run: (t) => php.run(t, PHP) });
