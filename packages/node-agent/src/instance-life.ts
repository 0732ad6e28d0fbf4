/**
 * The life of an instance as its agent sees it. Pure and total: an event that does not fit changes
 * nothing.
 */
import { unreachable, type GatewayId } from "@skerry/base";

export type InstanceLife =
  | { readonly kind: "starting" }
  | { readonly kind: "ready"; readonly gatewayId: GatewayId }
  | { readonly kind: "resting"; readonly gatewayId: GatewayId }
  /** Its gateway is told of the end when it did not ask for it itself. */
  | { readonly kind: "stopping"; readonly untold?: GatewayId }
  | { readonly kind: "gone" };

export type InstanceEvent =
  | { readonly kind: "handedOver"; readonly gatewayId: GatewayId }
  | { readonly kind: "restAsked" }
  | { readonly kind: "resumeAsked" }
  | { readonly kind: "stopAsked"; readonly by?: "operator" }
  | { readonly kind: "exited" };

export type InstanceEffect = "rest" | "resume" | "kill";

export interface InstanceStep {
  readonly life: InstanceLife;
  readonly effects: readonly InstanceEffect[];
}

export function decideInstance(life: InstanceLife, event: InstanceEvent): InstanceStep {
  switch (event.kind) {
    case "handedOver":
      return decideHandedOver(life, event.gatewayId);
    case "restAsked":
      return life.kind === "ready"
        ? { life: { kind: "resting", gatewayId: life.gatewayId }, effects: ["rest"] }
        : same(life);
    case "resumeAsked":
      return life.kind === "resting"
        ? { life: { kind: "ready", gatewayId: life.gatewayId }, effects: ["resume"] }
        : same(life);
    case "stopAsked":
      return life.kind === "gone" || life.kind === "stopping"
        ? same(life)
        : { life: stoppingAfter(life, event.by), effects: ["kill"] };
    case "exited":
      return life.kind === "gone" ? same(life) : { life: { kind: "gone" }, effects: [] };
    default:
      return unreachable(event);
  }
}

/** The first gateway, or the next one when a gateway leaves; a resting instance stays at rest. */
function decideHandedOver(life: InstanceLife, gatewayId: GatewayId): InstanceStep {
  if (life.kind === "resting") return { life: { kind: "resting", gatewayId }, effects: [] };
  if (life.kind === "stopping" || life.kind === "gone") return same(life);
  return { life: { kind: "ready", gatewayId }, effects: [] };
}

function stoppingAfter(life: InstanceLife, by: "operator" | undefined): InstanceLife {
  const isHeld = life.kind === "ready" || life.kind === "resting";
  return { kind: "stopping", ...(by === "operator" && isHeld ? { untold: life.gatewayId } : {}) };
}

function same(life: InstanceLife): InstanceStep {
  return { life, effects: [] };
}
