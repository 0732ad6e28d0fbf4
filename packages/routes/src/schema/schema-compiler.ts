/**
 * Compiles JSON Schema 2020-12 into functions that call one another: nothing is generated and
 * evaluated as code, so that a schema is never more than what it describes. A schema stands for
 * itself: `$ref` leads within it, and nothing is fetched. What would not be what its writer means
 * is told as a problem: schemas of other drafts, parts with an `$id` of their own, and keywords
 * with values that they cannot have. `format` and unknown keywords are notes, as the standard has
 * them.
 */
import { isObject, pointerPart, type JsonObject } from "./json-value.ts";
import { anchorsIn } from "./schema-anchors.ts";
import { Seen, type SchemaRun } from "./schema-run.ts";

/** A regular expression that is compiled, and matches in linear time. */
export interface SchemaPattern {
  readonly steps: number;
  isIn(value: string): boolean;
}

/** Compiles an expression, or says what is wrong with it. */
export type CompilePattern = (source: string) => SchemaPattern | { readonly problem: string };

/** Looks at a value; tells the run why it does not fit. */
export type Check = (value: unknown, run: SchemaRun, seen: Seen | undefined) => boolean;

/** Makes the check of a keyword; undefined when there is nothing to check. */
export type Keyword = (given: unknown, at: Place) => Check | undefined;

const SCHEMAS_MAX = 5_000;
const NESTED_MAX = 64;
const PATTERN_STEPS_MAX = 5_000;
const PROBLEMS_MAX = 20;

/** A schema within the schema; its check is there once all is compiled. */
export class CompiledSchema {
  check: Check;

  constructor(check: Check) {
    this.check = check;
  }

  /** Applies it to the same value; what it has looked at counts when the value fits. */
  apply(value: unknown, run: SchemaRun, seen: Seen | undefined): boolean {
    if (seen === undefined) return run.nested(() => this.check(value, run, undefined));
    const own = new Seen();
    const fits = run.nested(() => this.check(value, run, own));
    if (fits) {
      run.spend(own.names.size + own.items.size);
      seen.add(own);
    }
    return fits;
  }

  /** The same without telling: what does not fit it is no fault by itself. */
  applyQuietly(value: unknown, run: SchemaRun, seen: Seen | undefined): boolean {
    return run.quietly(() => this.apply(value, run, seen));
  }
}

/** They ask what others of their schema have looked at. */
const ASKING = ["unevaluatedProperties", "unevaluatedItems"];
const DRAFT = /^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/;
const FITS: Check = () => true;
const FITS_NOT: Check = (_, run) => run.refuse("nothing may stand here");

export class SchemaCompiler {
  readonly problems: string[] = [];
  readonly #compilePattern: CompilePattern;
  readonly #keywords: ReadonlyMap<string, Keyword>;
  readonly #root: unknown;
  readonly #compiled = new Map<unknown, CompiledSchema>();
  /** Referred to, and still to be compiled. */
  readonly #waiting: (() => void)[] = [];
  #anchors: ReadonlyMap<string, unknown> = new Map();
  #steps = 0;

  constructor(
    root: unknown,
    keywords: ReadonlyMap<string, Keyword>,
    compilePattern: CompilePattern,
  ) {
    this.#root = root;
    this.#keywords = keywords;
    this.#compilePattern = compilePattern;
  }

  /** Compiles the whole. Check `problems` before it is used. */
  compile(): CompiledSchema {
    if (isObject(this.#root)) this.#readRoot(this.#root);
    const compiled = this.schemaOf(this.#root, { path: "", depth: 0 });
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) next();
    return compiled;
  }

  /** The schema that stands there, compiled once. */
  schemaOf(schema: unknown, { path, depth }: Pick<Place, "path" | "depth">): CompiledSchema {
    const known = this.#compiled.get(schema);
    if (known !== undefined) return known;
    const compiled = this.#begin(schema);
    if (typeof schema === "boolean") return compiled;
    if (!isObject(schema)) this.tell(path, "a schema is an object, true or false");
    else if (this.#compiled.size > SCHEMAS_MAX) this.tell(path, `more than ${SCHEMAS_MAX} schemas`);
    else if (depth > NESTED_MAX) this.tell(path, `schemas nested more than ${NESTED_MAX} deep`);
    else this.#compileObject(schema, { path, depth, compiled });
    return compiled;
  }

  patternOf(source: unknown, { path }: Place): SchemaPattern | undefined {
    if (typeof source !== "string") return this.tell(path, "an expression is a text");
    const compiled = this.#compilePattern(source);
    if ("problem" in compiled) return this.tell(path, compiled.problem);
    this.#steps += compiled.steps;
    if (this.#steps <= PATTERN_STEPS_MAX) return compiled;
    const most = `${PATTERN_STEPS_MAX} steps for all expressions together`;
    return this.tell(path, `up to here they take ${this.#steps} of at most ${most}`);
  }

  /** What `$ref` leads to, within this schema; compiled when what refers to it is. */
  refOf(ref: unknown, { path }: Place): CompiledSchema | undefined {
    const found = typeof ref === "string" ? this.#resolve(ref) : undefined;
    if (found === undefined) {
      return this.tell(path, `${JSON.stringify(ref)} leads to nothing within this schema`);
    }
    const known = this.#compiled.get(found);
    if (known !== undefined) return known;
    // Not at once: references may be many, one behind another.
    const placed = new CompiledSchema(FITS);
    this.#waiting.push(() => {
      const target = this.schemaOf(found, { path, depth: 0 });
      placed.check = (value, run, seen) => target.check(value, run, seen);
    });
    return placed;
  }

  /** Notes a problem. Undefined, for whoever has nothing else to give. */
  tell(path: string, problem: string): undefined {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(`${path || "/"}: ${problem}`);
  }

  #begin(schema: unknown): CompiledSchema {
    const compiled = new CompiledSchema(schema === false ? FITS_NOT : FITS);
    this.#compiled.set(schema, compiled);
    return compiled;
  }

  #readRoot(schema: JsonObject): void {
    const { $schema } = schema;
    if ($schema !== undefined && !(typeof $schema === "string" && DRAFT.test($schema))) {
      this.tell("/$schema", "this is not JSON Schema 2020-12");
    }
    const { anchors, twice } = anchorsIn(schema, NESTED_MAX);
    this.#anchors = anchors;
    for (const name of twice) this.tell("", `the anchor ${name} stands for two schemas`);
  }

  #compileObject(
    schema: JsonObject,
    { path, depth, compiled }: { path: string; depth: number; compiled: CompiledSchema },
  ): void {
    if (schema["$id"] !== undefined && schema !== this.#root) {
      this.tell(path, "a schema within the schema cannot have an `$id` of its own");
    }
    const checks: Check[] = [];
    for (const [name, keyword] of this.#keywords) {
      if (!Object.hasOwn(schema, name)) continue;
      const at = new Place(this, { schema, path: path + pointerPart(name), depth: depth + 1 });
      const check = keyword(schema[name], at);
      if (check !== undefined) checks.push(check);
    }
    const asksSeen = ASKING.some((name) => Object.hasOwn(schema, name));
    compiled.check = (value, run, told) => {
      run.spend(1);
      const seen = told ?? (asksSeen ? new Seen() : undefined);
      let fits = true;
      for (const check of checks) {
        if (check(value, run, seen)) continue;
        if (run.isBrief) return false;
        fits = false;
      }
      return fits;
    };
  }

  #resolve(ref: string): unknown {
    const id = isObject(this.#root) ? this.#root["$id"] : undefined;
    const own = typeof id === "string" ? id.replace(/#$/, "") : "";
    const rest = ref.startsWith("#") ? ref : ref.startsWith(`${own}#`) ? ref.slice(own.length) : "";
    if (rest === "#" || (own !== "" && ref === own)) return this.#root;
    if (!rest.startsWith("#/")) return this.#anchors.get(rest.slice(1));
    let found: unknown = this.#root;
    for (const part of rest.slice(2).split("/")) {
      const name = nameIn(part);
      if (Array.isArray(found) && /^(?:0|[1-9]\d{0,8})$/.test(name)) found = found[Number(name)];
      else if (isObject(found) && Object.hasOwn(found, name)) found = found[name];
      else return undefined;
    }
    return found;
  }
}

/** Where a keyword stands, and what it may ask of the compiler there. */
export class Place {
  readonly schema: JsonObject;
  readonly path: string;
  readonly depth: number;
  readonly #compiler: SchemaCompiler;

  constructor(
    compiler: SchemaCompiler,
    { schema, path, depth }: Pick<Place, "schema" | "path" | "depth">,
  ) {
    this.#compiler = compiler;
    this.schema = schema;
    this.path = path;
    this.depth = depth;
  }

  at(name: string | number): Place {
    const { schema, depth } = this;
    return new Place(this.#compiler, { schema, depth, path: this.path + pointerPart(name) });
  }

  schemaOf(schema: unknown): CompiledSchema {
    return this.#compiler.schemaOf(schema, this);
  }

  /** Several schemas, of a list that must have one at least. */
  schemasOf(list: unknown): readonly CompiledSchema[] {
    if (!Array.isArray(list) || list.length === 0) {
      this.tell("a list of schemas");
      return [];
    }
    return list.map((one, index) => this.at(index).schemaOf(one));
  }

  /** Several schemas by name. */
  schemasBy(named: unknown): readonly (readonly [string, CompiledSchema])[] {
    if (!isObject(named)) {
      this.tell("an object of schemas");
      return [];
    }
    return Object.entries(named).map(([name, one]) => [name, this.at(name).schemaOf(one)]);
  }

  refOf(ref: unknown): CompiledSchema | undefined {
    return this.#compiler.refOf(ref, this);
  }

  patternOf(source: unknown): SchemaPattern | undefined {
    return this.#compiler.patternOf(source, this);
  }

  /** Says what must stand here. */
  tell(wanted: string): undefined {
    this.#compiler.tell(this.path, `${wanted} must stand here`);
  }
}

/** A part of a JSON pointer in a fragment, as a name. */
function nameIn(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return part;
  }
}
