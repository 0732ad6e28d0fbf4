interface Context {
  readonly requestId: string;
  remainingMs(): number;
}

interface HttpEvent {
  readonly query?: { readonly name?: string };
}

/** Answers each call of the function's URL, and each `skerry invoke`. */
export function handler(event: HttpEvent, context: Context): object {
  const name = event.query?.name ?? "world";
  console.log(`greeting ${name}`);
  return { message: `Hello, ${name}!`, requestId: context.requestId };
}
