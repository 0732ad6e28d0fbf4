/** The page's client: the SDK over the page's own origin; the browser adds the session's cookie. */
import { createClient, type Client } from "@skerry/sdk";

/** Refusals that mean that nobody is signed in. */
const SIGNED_OUT = 401;

export interface PageClient {
  readonly client: Client;
  /** Exchanges a sign-in link for a session. Rejects with what the platform said. */
  signIn(link: string): Promise<void>;
}

/** `onSignedOut` is called whenever the platform says that the session has ended. */
export function createPageClient(onSignedOut: () => void): PageClient {
  const { origin } = globalThis.location;
  const watched: typeof fetch = async (input, init) => {
    const response = await fetch(input, { ...init, credentials: "same-origin" });
    if (response.status === SIGNED_OUT) onSignedOut();
    return response;
  };
  return {
    client: createClient({ apiUrl: origin, gatewayUrl: origin, fetch: watched }),
    signIn: async (link) => {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ link });
      const response = await fetch("/session", { method: "POST", headers, body });
      if (!response.ok) throw new TypeError(await messageOf(response));
    },
  };
}

async function messageOf(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { error: { message: string; hint: string } };
    return `${error.message} ${error.hint}`;
  } catch {
    return `The platform answered with status ${response.status}.`;
  }
}
