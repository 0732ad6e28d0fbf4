/** Empty places to open stores in. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog, systemClock, systemRandom } from "@skerry/base";
import {
  openPostgresStore,
  openSqliteStore,
  type ModuleSource,
  type PostgresStoreDeps,
  type Store,
} from "../src/index.ts";
import { conformanceSource } from "./conformance-module.ts";

/** Where one test's store lives; may be opened again after `close`. */
export interface Place {
  open(modules?: readonly ModuleSource[], onMigrating?: () => void): Promise<Store>;
  remove(): void;
}

export type MakePlace = () => Place;

export const storeDeps: PostgresStoreDeps = {
  log: silentLog(),
  clock: systemClock(),
  random: systemRandom(),
};

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "skerry-store-"));
}

export function sqlitePlace(openStore = openSqliteStore): Place {
  const directory = temporaryDirectory();
  return {
    open: (modules = [conformanceSource], onMigrating = () => undefined) =>
      openStore({ ...storeDeps, onMigrating }, { directory, modules }),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Each place is a schema of its own in one server. */
export function postgresPlaces(url: () => string): MakePlace {
  let made = 0;
  return () => {
    made += 1;
    const schema = `place_${made}`;
    return {
      open: (modules = [conformanceSource], onMigrating = () => undefined) =>
        openPostgresStore(
          { ...storeDeps, onMigrating },
          { url: url(), modules, poolMax: 8, schema },
        ),
      remove: () => undefined,
    };
  };
}
