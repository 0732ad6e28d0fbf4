/**
 * The platform, composed for tests of `egress: web`: every name leads to 127.0.0.1, and that one
 * address counts as public. All else is what it is.
 */
import { systemNetwork, type Network } from "@skerry/reach";
import { startGatewayRole } from "../src/roles/gateway.ts";
import { runRole, type StartRole } from "../src/roles/role-context.ts";

const PUBLIC = "127.0.0.1";

const network: Network = {
  ...systemNetwork(),
  resolvePublic: () => Promise.resolve([PUBLIC]),
  isPublic: (address) => address === PUBLIC,
};

const [mark, role, id] = process.argv.slice(2);
if (mark === "--as-role" && role === "gateway") {
  const start: StartRole = (context) => startGatewayRole(context, network);
  await runRole({ role, id: id ?? role }, () => Promise.resolve(start));
} else {
  await import("../src/main.ts");
}
