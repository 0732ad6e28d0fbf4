/**
 * What went wrong, in the line that a result keeps: it is published, so it has neither places of
 * this machine nor hosts of the registries that its package managers know.
 */
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ADDRESS = /https?:\/\/([^\s/]+)/gi;
/** As Node says which host it could not reach. */
const UNREACHED = /\b((?:getaddrinfo|connect) E[A-Z_]+) \S+/g;

/**
 * The first line of what the command line said, else of the error's message; without the temporary
 * folder, the repository's and those in `places`, and without hosts, ports and names of users.
 */
export function failureOf(error: unknown, places: readonly string[] = []): string {
  const { message, stderr = "" } = error as Error & { readonly stderr?: string };
  const said = /^✗ (.*)/m.exec(stderr)?.[1] ?? message.split("\n")[0] ?? "";
  const hosts = [...`${stderr}\n${message}`.matchAll(ADDRESS)].map(([, host]) => host ?? "");
  const known = [...places, ROOT, ROOT.replace(/\/$/, ""), tmpdir(), ...hosts];
  return (
    known
      .filter((one) => one !== "")
      // The longest first: one may lie in the other.
      .toSorted((a, b) => b.length - a.length)
      .reduce((text, one) => text.replaceAll(one, ""), said.replaceAll(ADDRESS, ""))
      .replaceAll(UNREACHED, "$1")
  );
}
