/** A price: the same for everybody at first, then with what is the learner's own. */
import type { ReactElement } from "react";
import type { PersonalState } from "../page.ts";

interface PriceProps {
  readonly courseId: string;
  readonly euros: number;
  readonly personal: PersonalState;
}

export function isBought(personal: PersonalState, courseId: string): boolean {
  return lessonsDone(personal, courseId) !== undefined;
}

/** Undefined unless the course is bought. */
export function lessonsDone(personal: PersonalState, courseId: string): number | undefined {
  return typeof personal === "string" ? undefined : personal.learner?.bought[courseId];
}

/** In whole euros, rounded down. */
export function priceAfter(euros: number, personal: PersonalState): number {
  const percent = typeof personal === "string" ? 0 : (personal.discount?.percent ?? 0);
  return Math.floor((euros * (100 - percent)) / 100);
}

export function Price({ courseId, euros, personal }: PriceProps): ReactElement {
  if (isBought(personal, courseId)) return <span className="price yours">Yours</span>;
  const now = priceAfter(euros, personal);
  if (now === euros) return <span className="price">€{euros}</span>;
  return (
    <span className="price">
      <s>€{euros}</s> <strong>€{now}</strong>
    </span>
  );
}
