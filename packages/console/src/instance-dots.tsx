import type { InstanceResource } from "@skerry/api-schema";
import type { ReactNode } from "react";

const SHOWN_MAX = 24;
const ORDER: readonly InstanceResource["state"][] = ["starting", "ready", "resting", "stopping"];

/** How many instances are in which state, in words. */
export function statesText(instances: readonly Pick<InstanceResource, "state">[]): string {
  const parts = ORDER.flatMap((state) => {
    const count = instances.filter((one) => one.state === state).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  return parts.length === 0 ? "no instances" : parts.join(", ");
}

/** One dot for each instance. */
export function InstanceDots(props: {
  readonly instances: readonly Pick<InstanceResource, "state" | "id">[];
  /** Dots beyond are summed up. */
  readonly most?: number;
}): ReactNode {
  const { most = SHOWN_MAX } = props;
  const sorted = props.instances.toSorted(
    (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state),
  );
  return (
    <span className="dots" role="img" aria-label={statesText(sorted)} title={statesText(sorted)}>
      {sorted.slice(0, most).map(({ id, state }) => (
        <span key={id} className={`dot ${state}`} />
      ))}
      {sorted.length > most ? <span className="more">+{sorted.length - most}</span> : null}
    </span>
  );
}
