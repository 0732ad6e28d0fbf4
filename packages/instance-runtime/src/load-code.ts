/**
 * Loads the user's bundle. CommonJS goes through `vm.Script`, so that V8's code cache of the build
 * can be used and made; ES modules go through `import()`. Nothing is caught here: what the code
 * throws is the caller's to report.
 */
import { readFileSync } from "node:fs";
import { createRequire, Module } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, Script } from "node:vm";
import type { ArtefactManifest, BundleManifest } from "@skerry/contracts";

export interface CompiledCode {
  readonly bundlePath: string;
  readonly codeCacheUsed: boolean;
  /** Runs the module's top level and returns what it exports. */
  run(): unknown;
  /**
   * V8's code cache of what has been compiled so far; undefined for ES modules, which have none.
   */
  createCodeCache(): Uint8Array | undefined;
}

export function readManifest(codeDirectory: string): ArtefactManifest {
  return JSON.parse(readFileSync(join(codeDirectory, "artefact.json"), "utf8")) as ArtefactManifest;
}

export function compileCode(codeDirectory: string, manifest: BundleManifest): CompiledCode {
  const bundlePath = join(codeDirectory, manifest.bundle);
  if (manifest.bundleFormat === "esm") {
    return {
      bundlePath,
      codeCacheUsed: false,
      run: () => import(pathToFileURL(bundlePath).href),
      createCodeCache: () => undefined,
    };
  }
  const source = readFileSync(bundlePath, "utf8");
  const script = compileCommonJs(bundlePath, source, readCache(codeDirectory, manifest));
  return {
    bundlePath,
    codeCacheUsed: script.cachedDataRejected === false,
    run: () => runCommonJs(script, bundlePath),
    createCodeCache: () => script.createCachedData(),
  };
}

const WRAPPER_HEAD = "(function (exports, require, module, __filename, __dirname) { ";
const WRAPPER_TAIL = "\n})";

function readCache(codeDirectory: string, manifest: BundleManifest): Buffer | undefined {
  if (manifest.codeCache === null) return undefined;
  try {
    return readFileSync(join(codeDirectory, manifest.codeCache));
  } catch {
    return undefined;
  }
}

/**
 * Compiles a CommonJS module's text, with V8's code cache of an earlier compilation when there is
 * one.
 */
export function compileCommonJs(path: string, source: string, cachedData?: Buffer): Script {
  const plain = source.startsWith("#!") ? `//${source.slice(2)}` : source;
  return new Script(WRAPPER_HEAD + plain + WRAPPER_TAIL, {
    filename: path,
    columnOffset: -WRAPPER_HEAD.length,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
}

/** Node's five arguments of a CommonJS module: exports, require, module, __filename, __dirname. */
type Wrapper = (...args: readonly unknown[]) => void;

/** Runs a compiled module whose `__filename` is `filename`; returns its exports. */
export function runCommonJs(script: Script, filename: string): unknown {
  const module = new Module(filename);
  module.filename = filename;
  module.paths = [join(dirname(filename), "node_modules")];
  const wrapper = script.runInThisContext() as Wrapper;
  wrapper.call(
    module.exports,
    module.exports,
    createRequire(filename),
    module,
    filename,
    dirname(filename),
  );
  module.loaded = true;
  return module.exports;
}
