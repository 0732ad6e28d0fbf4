import { parseFunctionPath, parseQualifiedPath, readAppName } from "@skerry/contracts";
import { failCommand, type Argument } from "@skerry/terminal";

export const FUNCTION_ARGUMENT: Argument = {
  name: "APP/FN",
  description: "The function, as `skerry ls` shows it.",
};

export interface FunctionPath {
  readonly app: string;
  readonly fn: string;
}

/** Reads `APP/FN`. Throws ARGUMENT_INVALID. */
export function readFunctionPath(text: string | undefined): FunctionPath {
  const value = text ?? "";
  const path = parseFunctionPath(value);
  if (path !== undefined) return path;
  const near = parseFunctionPath(value.toLowerCase().replace(/^\/+|\/+$/g, ""));
  const hint =
    near === undefined
      ? "Write the app, a slash and the function, as in shop/checkout; `skerry ls` lists them."
      : `Did you mean \`${near.app}/${near.fn}\`?`;
  throw failCommand("ARGUMENT_INVALID", { value, expected: "APP/FN", hint });
}

/** Reads `APP/FN`, with `:QUALIFIER` if there is one. Throws ARGUMENT_INVALID. */
export function readQualifiedPath(
  text: string | undefined,
): FunctionPath & { readonly qualifier?: string | undefined } {
  return parseQualifiedPath(text ?? "") ?? readFunctionPath(text);
}

export interface AppOrFunction {
  readonly app: string;
  readonly fn?: string;
}

/** Reads `APP` or `APP/FN`. */
export function readAppOrFunction(text: string | undefined): AppOrFunction {
  const value = text ?? "";
  if (value.includes("/")) return readFunctionPath(value);
  return { app: readAppName(value) };
}
