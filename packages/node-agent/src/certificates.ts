/** The machine's own certificates: an operator's mirror or proxy may be known only there. */
import { existsSync } from "node:fs";

/** Debian's bundle; every sandbox has the machine's at this place. */
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
/** As Node, pip and OpenSSL name it. */
const NAMES = ["NODE_EXTRA_CA_CERTS", "PIP_CERT", "SSL_CERT_FILE"];

/** For a package manager's environment; empty where the machine has no bundle. */
export function certificateEnvironment(): Readonly<Record<string, string>> {
  return existsSync(BUNDLE) ? Object.fromEntries(NAMES.map((name) => [name, BUNDLE])) : {};
}
