/**
 * Dead code. Two passes: values, and types (KNIP_PASS=types). What a package's index names is its
 * public door and is not judged; what lies behind it and nobody uses is dead.
 */
const typesPass = process.env.KNIP_PASS === "types";
const tests = "{src,test,tests}/**/*.test.ts";
const project = ["{src,test}/**/*.{ts,mjs}"];

/** Files that are started by path: programs, worker threads, and in `test/` what tests start. */
const programs = ["src/{main,compile}.ts", "src/*worker*.ts", "test/**/*.{ts,mjs}"];

export default {
  ...(typesPass ? { include: ["types"] } : { exclude: ["types"] }),
  ignoreExportsUsedInFile: true,
  ignore: ["tests/fixtures/**", "tests/*/fixtures/**"],
  // Programs of the operating system stand in tools/system-packages.json.
  rules: { binaries: "off" },
  workspaces: {
    ".": {
      entry: [
        "tools/run/*.mjs",
        "tools/{tidy,reference}/main.ts",
        "{tools,tests}/**/*.test.ts",
        "tests/**/*.ts",
        // Started by path; what the platform loads is named in the app's skerry.yaml.
        "solutions/*/run.ts",
        "solutions/*/*/index.ts",
        // Entries of the course site's bundles.
        "solutions/course-site/site/{browser,render,personal,service-worker}.{ts,tsx}",
        "solutions/course-site/site/pages/*.{ts,tsx}",
      ],
      project: ["{tools,tests,solutions}/**/*.{ts,tsx,mjs}"],
      // The tools are started by path, and tests/ may look into every room.
      ignoreDependencies: ["oxlint", "oxlint-tsgolint", "axe-core", "@skerry/.*"],
    },
    "packages/*": { entry: ["src/index.ts", ...programs, tests], project },
    // npm is copied and started by path.
    "packages/node-agent": {
      entry: ["src/index.ts", ...programs, tests],
      project,
      ignoreDependencies: ["npm"],
    },
    "packages/console": {
      entry: ["build.mjs", "src/main.tsx", "src/index.ts", tests],
      project: ["src/**/*.{ts,tsx}", "*.mjs"],
    },
    // `skerry init` lays skerry.d.ts beside what it copies.
    "packages/cli": {
      entry: ["src/index.ts", ...programs, tests],
      project,
      ignoreUnresolved: ["./skerry.d.ts"],
    },
    "packages/sdk": {
      entry: ["src/index.ts", "src/pack.ts", tests],
      project,
    },
    "apps/*": { entry: [...programs, tests], project },
    testkit: { entry: ["src/index.ts", tests], project },
    bench: { entry: ["src/main.ts", "src/bare-server.ts", "src/functions/*", tests], project },
  },
};
