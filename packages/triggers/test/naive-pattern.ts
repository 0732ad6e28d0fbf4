/**
 * Event patterns by their definition, as slowly as it takes: an event is all pairs of a path and a
 * value, and each matcher is tried by itself. It shares nothing with the real one.
 */
type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Pattern = { readonly [field: string]: unknown };

export function naiveMatches(pattern: Pattern, event: Json | undefined): boolean {
  return Object.entries(pattern).every(([name, want]) => {
    if (name === "$or") return (want as Pattern[]).some((one) => naiveMatches(one, event));
    const has =
      event !== null &&
      typeof event === "object" &&
      !Array.isArray(event) &&
      Object.hasOwn(event, name);
    const value = has ? (event as Record<string, Json>)[name] : undefined;
    if (Array.isArray(want)) return want.some((matcher) => naivePasses(matcher, value));
    const objects = flat(value).filter((item) => typeof item === "object" && item !== null);
    if (objects.length === 0) return naiveMatches(want as Pattern, undefined);
    return objects.some((object) => naiveMatches(want as Pattern, object));
  });
}

function flat(value: Json | undefined): Json[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as Json[]).flatMap(flat) : [value];
}

function naivePasses(matcher: unknown, value: Json | undefined): boolean {
  if (typeof matcher !== "object" || matcher === null) return flat(value).includes(matcher as Json);
  const [[kind, operand] = ["", null]] = Object.entries(matcher) as [string, Json][];
  if (kind === "exists") return (value !== undefined) === operand;
  const scalars = flat(value).filter((item) => typeof item !== "object" || item === null);
  return scalars.some((scalar) => naiveScalar(kind, operand, scalar));
}

function naiveScalar(kind: string, operand: Json, scalar: Json): boolean {
  switch (kind) {
    case "prefix":
      return typeof scalar === "string" && scalar.startsWith(operand as string);
    case "suffix":
      return typeof scalar === "string" && scalar.endsWith(operand as string);
    case "equals-ignore-case":
      return (
        typeof scalar === "string" && scalar.toLowerCase() === (operand as string).toLowerCase()
      );
    case "numeric":
      return typeof scalar === "number" && naiveNumeric(operand as Json[], scalar);
    default: {
      const refused = Array.isArray(operand) ? (operand as Json[]) : [operand];
      return !refused.some((one) => naivePasses(one, scalar));
    }
  }
}

function naiveNumeric(operand: readonly Json[], value: number): boolean {
  for (let i = 0; i < operand.length; i += 2) {
    const bound = operand[i + 1] as number;
    const isSo =
      { "=": value === bound, ">": value > bound, ">=": value >= bound }[operand[i] as "="] ??
      { "<": value < bound, "<=": value <= bound }[operand[i] as "<"];
    if (!isSo) return false;
  }
  return true;
}
