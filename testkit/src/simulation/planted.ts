/**
 * Modules with one mistake in them: one is loaded again with a piece of its text replaced, and with
 * it what it is reached by, everything else as it is.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { registerHooks } from "node:module";

export interface Mistake {
  /** Ends the address of the module, as from the root of the repository. */
  readonly file: string;
  /** Stands in the file once. */
  readonly from: string;
  readonly to: string;
}

/**
 * Loads modules with the mistake: the entries, what they import by relative paths, and what they
 * import of the named packages. Fails when the text to replace is not there, once.
 */
export async function loadMistaken(
  entries: readonly string[],
  { file, from, to }: Mistake,
  packages: readonly string[] = [],
): Promise<readonly object[]> {
  const mark = `?mistake=${Buffer.from(`${file} ${from} ${to}`).toString("hex")}`;
  const isCopied = (specifier: string): boolean =>
    /^\.\.?\//.test(specifier) ||
    packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
  let planted = 0;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      const isMarked = context.parentURL?.endsWith(mark) === true;
      return isMarked && isCopied(specifier) ? { ...found, url: found.url + mark } : found;
    },
    load(url, context, next) {
      const found = next(url, context);
      if (!url.endsWith(`/${file}${mark}`)) return found;
      assert.ok(found.source instanceof Uint8Array);
      const source = Buffer.from(found.source).toString();
      assert.equal(source.split(from).length, 2, `${file} has not once: ${from}`);
      planted += 1;
      return { ...found, source: source.replace(from, () => to) };
    },
  });
  try {
    const loaded = entries.map((entry) => import(`${entry}${mark}`) as Promise<object>);
    const modules = await Promise.all(loaded);
    assert.equal(planted, 1, `${file} is not among what was loaded`);
    return modules;
  } finally {
    hooks.deregister();
  }
}
