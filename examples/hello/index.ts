interface Context {
  readonly requestId: string;
}

interface HttpEvent {
  readonly query?: { readonly name?: string };
}

/** Answers every call of its URL, and every `skerry invoke`, with a greeting. */
export function handler(event: HttpEvent, context: Context): object {
  const name = event.query?.name ?? "world";
  console.log(`greeting ${name}`);
  return { message: `Hello, ${name}!`, requestId: context.requestId };
}
