/** What gateways and agents tell of themselves when metrics are asked for. */
import type { Clock, Log } from "@skerry/base";
import type { FiguresHead, RoleFigures } from "@skerry/contracts";
import { roleFigures } from "@skerry/contracts/schemas";
import type { LinkLimits } from "./ports.ts";
import { readAnswerBody } from "./agent-replies.ts";
import { askOver } from "./link-call.ts";
import { PEER_ROLES, type Peer, type Peers } from "./peers.ts";

/** One role process; without figures when it did not answer in time, or is of an older release. */
export interface RoleView {
  readonly id: string;
  readonly role: string;
  readonly figures: RoleFigures | undefined;
}

export interface FiguresDeps {
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: Pick<LinkLimits, "figuresAnswerMs" | "figuresBytesMax">;
}

/** Asks all linked peers at once. */
export function askFigures(deps: FiguresDeps): Promise<readonly RoleView[]> {
  const peers = PEER_ROLES.flatMap((role) => deps.peers.ofRole(role));
  return Promise.all(
    peers.map(async (peer) => {
      const { id, role } = peer;
      return { id, role, figures: await figuresOf(peer, deps) };
    }),
  );
}

async function figuresOf(
  { link, id }: Peer,
  { clock, limits, log }: FiguresDeps,
): Promise<RoleFigures | undefined> {
  const head: FiguresHead = { op: "figures" };
  const { figuresAnswerMs: deadlineMs, figuresBytesMax: bodyBytesMax } = limits;
  try {
    const { body } = await askOver(link, { head, deadlineMs, bodyBytesMax }, { clock, peer: id });
    return readAnswerBody(roleFigures, body, { peer: id, op: head.op });
  } catch (error) {
    log.debug("a role did not tell its figures", { peer: id, error });
    return undefined;
  }
}
