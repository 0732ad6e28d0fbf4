/**
 * The platform's own certificate, from two files. They are looked at again and again, and not
 * watched: what renews certificates replaces files, links, or whole directories. A pair that does
 * not fit, as between the writing of the one and of the other, leaves the one before in force.
 */
import { readFile, stat } from "node:fs/promises";

import type { Cancel, Clock, Log } from "@skerry/base";
import type { PemIdentity } from "@skerry/http";

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateFilesDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Takes what the files hold; throws what is wrong with it. */
  readonly take: (pem: PemIdentity) => void;
}

const LOOK_EVERY_MS = 5_000;

/** Reads both once, and then whenever one of them has changed. The log has what cannot be used. */
export async function followCertificateFiles(
  deps: CertificateFilesDeps,
  files: CertificateFiles,
): Promise<Cancel> {
  let taken = "";
  let isOver = false;
  let cancel: Cancel = () => undefined;
  const look = async (): Promise<void> => {
    const seen = await marksOf(files);
    if (seen !== taken) {
      taken = seen;
      await takeFrom(deps, files);
    }
    if (isOver) return;
    cancel = deps.clock.schedule(LOOK_EVERY_MS, () => void look(), { background: true });
  };
  await look();
  return () => {
    isOver = true;
    cancel();
  };
}

async function takeFrom({ log, take }: CertificateFilesDeps, of: CertificateFiles): Promise<void> {
  try {
    const [cert, key] = await Promise.all([readFile(of.cert, "utf8"), readFile(of.key, "utf8")]);
    take({ cert, key });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log.error("the gateway's certificate cannot be used", { ...of, why });
  }
}

/** What changes with a file, however it is replaced. */
async function marksOf({ cert, key }: CertificateFiles): Promise<string> {
  const marks = [cert, key].map(async (path) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return found === undefined ? "none" : `${found.ino} ${found.size} ${found.mtimeNs}`;
  });
  return (await Promise.all(marks)).join("\n");
}
