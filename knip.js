/**
 * Dead code. Two passes, because a package's door is judged differently for values and for types: a value that nobody
 * outside imports is dead, a type that only names part of a signature is not (KNIP_PASS=types). The sdk's door is for
 * users, so nothing behind it is dead.
 */
const typesPass = process.env.KNIP_PASS === "types";
const tests = "{src,test,tests}/**/*.test.ts";
const project = ["{src,test}/**/*.{ts,mjs}"];

/** Files that are started by path, as programs or worker threads; `test/` holds programs that tests start. */
const programs = ["src/main.ts", "src/*worker*.ts", "test/**/*.{ts,mjs}"];

export default {
  includeEntryExports: !typesPass,
  ...(typesPass ? { include: ["types"] } : { exclude: ["types"] }),
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Programs of the operating system stand in tools/system-packages.json.
  rules: { binaries: "off" },
  workspaces: {
    ".": {
      entry: ["tools/run/*.mjs", "tools/{tidy,reference}/main.ts", "{tools,tests}/**/*.test.ts"],
      project: ["{tools,tests}/**/*.{ts,mjs}"],
      // The tools are started by path, and tests/ may look into every room.
      ignoreDependencies: ["oxlint", "oxlint-tsgolint", "@skerry/.*"],
    },
    "packages/*": { entry: ["src/index.ts", ...programs, tests], project },
    "packages/sdk": {
      includeEntryExports: false,
      entry: ["src/index.ts", "src/pack.ts", tests],
      project,
    },
    "apps/*": { entry: [...programs, tests], project },
    testkit: { entry: ["src/index.ts", tests], project },
    bench: { entry: ["src/main.ts", "src/**/*-child.ts", tests], project },
  },
};
