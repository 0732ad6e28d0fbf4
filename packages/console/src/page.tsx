/** Who is here: someone with a link, someone signed in, or someone who needs a link. */
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { createPageClient } from "./api.ts";
import { Console } from "./console.tsx";
import { Mark } from "./mark.tsx";
import { takeLink } from "./sign-in.ts";

type Presence =
  | { readonly kind: "arriving" }
  | { readonly kind: "in" }
  | { readonly kind: "out"; readonly why: string | undefined };

export function Page(): ReactNode {
  const [presence, setPresence] = useState<Presence>({ kind: "arriving" });
  const page = useMemo(
    () => createPageClient(() => setPresence({ kind: "out", why: undefined })),
    [],
  );
  const hasBegun = useRef(false);
  useEffect(() => {
    // Twice in development's strict mode; a link works once.
    if (hasBegun.current) return;
    hasBegun.current = true;
    const link = takeLink();
    const begin = link === undefined ? page.client.getPrincipal() : page.signIn(link);
    Promise.resolve(begin).then(
      () => setPresence({ kind: "in" }),
      (error: unknown) => {
        const why = link === undefined ? undefined : String((error as Error).message);
        setPresence({ kind: "out", why });
      },
    );
  }, [page]);
  switch (presence.kind) {
    case "arriving":
      return (
        <main className="door" aria-busy="true">
          <Mark size={56} />
          <h1>Skerry</h1>
          <p>Signing in …</p>
        </main>
      );
    case "in":
      return (
        <Console
          client={page.client}
          onSignedOut={() => setPresence({ kind: "out", why: undefined })}
        />
      );
    default:
      return <Door why={presence.why} />;
  }
}

function Door({ why }: { readonly why: string | undefined }): ReactNode {
  return (
    <main className="door">
      <Mark size={56} />
      <h1>Skerry</h1>
      {why === undefined ? null : (
        <p role="alert" className="problem">
          {why}
        </p>
      )}
      <p>You are signed out. A link signs you in; it works once. This prints one:</p>
      <pre>
        <code>npx skerry console</code>
      </pre>
    </main>
  );
}
