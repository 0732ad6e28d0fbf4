/**
 * JSON Schema 2020-12: what values fit, and where others do not. For schemas and values from
 * anyone: see `schema-compiler.ts` for what a schema may be, `schema-run.ts` for what looking
 * costs.
 */
import { APPLICATORS } from "./applicators.ts";
import { ASSERTIONS } from "./assertions.ts";
import { TooMuchWork } from "./json-value.ts";
import { PARTS, UNEVALUATED } from "./parts.ts";
import { SchemaCompiler, type CompiledSchema, type CompilePattern } from "./schema-compiler.ts";
import { SchemaRun } from "./schema-run.ts";

const KEYWORDS = new Map([...APPLICATORS, ...ASSERTIONS, ...PARTS, ...UNEVALUATED]);

export interface Looked {
  /** Up to 20, each a JSON pointer and why; without one the value fits, unless `isCutShort`. */
  readonly places: readonly string[];
  /** Looking at the rest would have taken too much work. */
  readonly isCutShort: boolean;
}

/** Where a value does not fit. Total. */
export type Misfits = (value: unknown) => Looked;

/** Compiles a schema. One with problems fits no value. */
export function compileSchema(
  schema: unknown,
  compilePattern: CompilePattern,
): { readonly problems: readonly string[]; readonly misfits: Misfits } {
  const compiler = new SchemaCompiler(schema, KEYWORDS, compilePattern);
  const { problems } = compiler;
  const root = compileWhole(compiler);
  const unusable = { places: ["/: its schema cannot be used"], isCutShort: false };
  if (root === undefined) return { problems, misfits: () => unusable };
  return {
    problems,
    misfits: (value) => {
      const run = new SchemaRun();
      try {
        root.check(value, run, undefined);
      } catch (error) {
        if (!(error instanceof TooMuchWork)) throw error;
        return { places: run.places, isCutShort: true };
      }
      return { places: run.places, isCutShort: false };
    },
  };
}

function compileWhole(compiler: SchemaCompiler): CompiledSchema | undefined {
  try {
    const root = compiler.compile();
    return compiler.problems.length === 0 ? root : undefined;
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    return compiler.tell("", "a value in it is nested too deep");
  }
}

/** What is wrong with a schema, each problem with its JSON pointer; empty when nothing is. */
export function schemaProblems(schema: unknown, compilePattern: CompilePattern): readonly string[] {
  return compileSchema(schema, compilePattern).problems;
}
