/**
 * Imports go down only, never sideways, through the front door, and to what the package declares.
 */
import { posix } from "node:path";
import { placeOf, type House, type Place } from "../house.ts";
import { packageOf, SCOPE, type Manifest } from "../manifests.ts";
import type { Import, Source } from "../syntax.ts";
import { violation, type Violation } from "../violation.ts";

interface Context {
  readonly house: House;
  readonly manifests: ReadonlyMap<string, Manifest>;
}

/**
 * A room's door as seen from a file in `place`; undefined when it may enter, else the reason why
 * not.
 */
function refusal(place: Place, target: string, context: Context): string | undefined {
  const { packages } = context.house;
  if (target === "testkit")
    return place.isTest || ["testkit", "bench", "solutions"].includes(place.kind)
      ? undefined
      : "testkit is for tests, tests/, bench/ and solutions/ only";
  const room = packages[target];
  if (room === undefined)
    return `nothing imports ${target}: it is no package of tools/tidy/layers.json`;
  if (place.kind !== "package")
    return place.kind === "tools" && room.pure !== true
      ? `tools/ imports pure packages only`
      : undefined;
  const own = packages[place.name];
  if (own === undefined) return `${place.name} has no layer in tools/tidy/layers.json`;
  if (room.layer === own.layer && target !== place.name)
    return `both are on layer ${own.layer}, and a layer never imports sideways`;
  if (room.layer > own.layer)
    return `layer ${own.layer} may not import layer ${room.layer}: imports go down only`;
  if (own.imports?.includes(target) === false)
    return `${place.name} imports ${own.imports.join(", ")} only`;
  if (room.importedBy?.includes(place.name) === false)
    return `only ${room.importedBy.join(", ")} and apps import ${target}`;
  return undefined;
}

function checkWorkspaceImport(source: Source, entry: Import, context: Context): Violation[] {
  const at = { path: source.path, line: source.lineAt(entry.start) };
  const place = placeOf(source.path);
  const [target = "", ...deep] = entry.specifier.slice(SCOPE.length).split("/");
  const found: Violation[] = [];
  const why = refusal(place, target, context);
  if (why !== undefined) found.push(violation("layer", at, `imports ${entry.specifier}: ${why}`));
  const { manifests } = context;
  const doors = (manifests.get(`packages/${target}`) ?? manifests.get(target))?.subpaths ?? [];
  if (deep.length > 0 && !doors.includes(`./${deep.join("/")}`))
    found.push(
      violation("deep-import", at, `${entry.specifier}: import ${SCOPE}${target} by its name`),
    );
  const engine = place.kind === "package" && context.house.packages[place.name]?.engine === true;
  const ports = context.house.packages[target]?.layer === 2;
  if (engine && ports && !entry.typeOnly && !place.isTest)
    found.push(
      violation(
        "layer-type-only",
        at,
        `an engine may only \`import type\` from ${entry.specifier}`,
      ),
    );
  return found;
}

/**
 * A relative import stays in its package; `tests/`, `tools/` and `bench/` do too. Solutions have no
 * door: they are programs, whose parts `tests/` puts to work.
 */
function checkRelativeImport(source: Source, entry: Import): Violation[] {
  const target = posix.join(posix.dirname(source.path), entry.specifier);
  const [from, to] = [placeOf(source.path), placeOf(target)];
  const same = from.kind === to.kind && from.name === to.name;
  const isProved = from.kind === "tests" && to.kind === "solutions";
  if (same || isProved || from.kind === "other") return [];
  const at = { path: source.path, line: source.lineAt(entry.start) };
  return [violation("deep-import", at, `${entry.specifier} reaches into another package's files`)];
}

function isDeclared(name: string, place: Place, { manifests }: Context): boolean {
  const own = manifests.get(place.folder);
  const root = manifests.get("");
  const shipped = { ...own?.dependencies, ...own?.optionalDependencies };
  if (name in shipped || own?.name === name) return true;
  if (["package", "app"].includes(place.kind) && !place.isTest) return false;
  // Tests and tools may also use what the root declares for development; tests/ may look into every
  // room.
  const forDevelopment = { ...own?.devDependencies, ...root?.devDependencies };
  return name in forDevelopment || (place.folder === "" && name.startsWith(SCOPE));
}

function checkImport(source: Source, entry: Import, context: Context): Violation[] {
  const place = placeOf(source.path);
  if (place.kind === "examples") return [];
  const at = { path: source.path, line: source.lineAt(entry.start) };
  if (entry.specifier.startsWith(".")) return checkRelativeImport(source, entry);
  const found: Violation[] = [];
  const pure = place.kind === "package" && context.house.packages[place.name]?.pure === true;
  if (pure && !place.isTest && entry.specifier.startsWith("node:"))
    found.push(violation("purity", at, `${place.name} uses no Node API (${entry.specifier})`));
  const name = packageOf(entry.specifier);
  if (name === undefined) return found;
  if (name.startsWith(SCOPE)) found.push(...checkWorkspaceImport(source, entry, context));
  if (!isDeclared(name, place, context))
    found.push(violation("phantom", at, `${name} is not declared in ${place.folder}/package.json`));
  return found;
}

/** What a package.json declares obeys the layers too, or the next import will not. */
function checkManifest(manifest: Manifest, context: Context): Violation[] {
  const place = placeOf(manifest.path);
  return Object.keys(manifest.dependencies)
    .filter((name) => name.startsWith(SCOPE))
    .flatMap((name) => {
      const why = refusal(place, name.slice(SCOPE.length), context);
      return why === undefined ? [] : [violation("layer", manifest, `declares ${name}: ${why}`)];
    });
}

/** Rules `layer`, `layer-type-only`, `deep-import`, `phantom`, `purity`. */
export function checkLayers(sources: readonly Source[], context: Context): readonly Violation[] {
  return [
    ...sources.flatMap((source) =>
      source.imports.flatMap((entry) => checkImport(source, entry, context)),
    ),
    ...[...context.manifests.values()].flatMap((manifest) => checkManifest(manifest, context)),
  ];
}
