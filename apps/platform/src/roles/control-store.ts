/**
 * The store of control, from before control's own program is loaded: the thread of an embedded
 * store loads nearly as much as control does, so both load at the same time. No file is open before
 * `open`: another control may still serve from them.
 */
import {
  openPostgresStore,
  prepareSqliteStore,
  type ModuleSource,
  type Store,
} from "@skerry/store";
import type { RoleContext } from "./role-context.ts";
import { Working } from "./working.ts";

const POSTGRES_CONNECTIONS = 8;

/** Doors of the packages whose modules a store is opened with. */
const MODULE_DOORS = ["control-plane", "collector", "dispatch", "event-sources"];

/** A store that is not open yet. */
export interface StoreToCome {
  /** Opens it and brings its tables up to date. Once. */
  open(modules: readonly ModuleSource[]): Promise<Store>;
}

/** What the thread loads: the addresses of control's modules, which are not loaded for them. */
export function storeModuleUrls(): readonly string[] {
  return MODULE_DOORS.map((room) => import.meta.resolve(`@skerry/${room}/store-module`));
}

/** Never throws; what goes wrong, `open` tells. */
export function prepareStore(context: RoleContext): StoreToCome {
  const { clock, config, layout, log, random } = context;
  const working = new Working(context);
  const onMigrating = (): void => {
    log.info("the store's tables are brought up to date; a large one takes its time");
    working.begin();
  };
  const deps = { clock, log, random, onMigrating };
  const prepared =
    config.store === "sqlite" ? prepareSqliteStore(deps, storeModuleUrls()) : undefined;
  const openOne = (modules: readonly ModuleSource[]): Promise<Store> => {
    if (prepared !== undefined) return prepared.open({ directory: layout.state, modules });
    const options = { url: config.store, modules, poolMax: POSTGRES_CONNECTIONS };
    return openPostgresStore(deps, options);
  };
  return { open: (modules) => openOne(modules).finally(() => working.end()) };
}
