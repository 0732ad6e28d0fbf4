import { after, before, describe } from "node:test";
import { hasPostgres, startPostgres, type PostgresServer } from "@skerry/testkit";
import { testStoreConformance } from "../test/conformance.ts";
import { postgresPlaces } from "../test/places.ts";

describe("postgres", { skip: !hasPostgres() && "PostgreSQL is not installed" }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server?.stop());
  testStoreConformance(
    "postgres",
    postgresPlaces(() => server?.url ?? ""),
  );
});
