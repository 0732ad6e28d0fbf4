/** The plan of the house: which rooms there are, on which layer, and in which room a file lies. */
import { readFileSync } from "node:fs";

export interface Room {
  readonly layer: number;
  /** Loads in a browser and a sandbox: no Node API. */
  readonly pure?: boolean;
  /** Sees the layer of ports (2) as types only. */
  readonly engine?: boolean;
  /** Narrows what it may import below what its layer allows. */
  readonly imports?: readonly string[];
  /** Narrows which packages may import it. */
  readonly importedBy?: readonly string[];
}

export interface House {
  readonly packages: Readonly<Record<string, Room>>;
  /** Declared places where a ban does not hold: files, or folders ending in `/`. */
  readonly exceptions: {
    readonly clock: readonly string[];
    readonly process: readonly string[];
    readonly removesTrees: readonly string[];
    readonly generated: readonly string[];
  };
}

/** Where a file lies. `tests` and `bench` stand beside the rooms and may look into all of them. */
export interface Place {
  readonly kind: "package" | "app" | TopLevel | "other";
  /** The package's folder name; empty outside packages and apps. */
  readonly name: string;
  /** The folder with the package.json that governs the file; empty is the root. */
  readonly folder: string;
  readonly isTest: boolean;
}

const TOP_LEVEL = ["testkit", "bench", "tests", "tools", "examples", "solutions"] as const;
type TopLevel = (typeof TOP_LEVEL)[number];

function isTopLevel(name: string): name is TopLevel {
  return (TOP_LEVEL as readonly string[]).includes(name);
}

export function placeOf(path: string): Place {
  const [top = "", name = ""] = path.split("/");
  const isTest = /\.test\.ts$|^(packages|apps)\/[^/]+\/test\//.test(path) || top === "tests";
  if (top === "packages") return { kind: "package", name, folder: `${top}/${name}`, isTest };
  if (top === "apps") return { kind: "app", name, folder: `${top}/${name}`, isTest };
  if (!isTopLevel(top)) return { kind: "other", name: "", folder: "", isTest };
  const folder = top === "testkit" || top === "bench" ? top : "";
  return { kind: top, name: "", folder, isTest };
}

/** True for code that ships: the `src` of packages and apps, without tests. */
export function isShipped(path: string): boolean {
  return /^(packages|apps)\/[^/]+\/src\/.*\.m?ts$/.test(path) && !path.endsWith(".test.ts");
}

export function isExcepted(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || (place.endsWith("/") && path.startsWith(place)));
}

export function readHouse(): House {
  const text = readFileSync(new URL("./layers.json", import.meta.url), "utf8");
  return JSON.parse(text) as House;
}
