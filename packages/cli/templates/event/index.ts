import type { Context, HttpEvent } from "./skerry.d.ts";

/** Answers each call of the function's URL, and each `skerry invoke`, whose event is any JSON. */
export function handler(event: Partial<HttpEvent>, context: Context): object {
  const name = event.query?.["name"] ?? "world";
  console.log(`greeting ${name}`);
  return { message: `Hello, ${name}!`, requestId: context.requestId };
}
