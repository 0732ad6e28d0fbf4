/** Courses as all pages know them; types only are shared with browsers. */
import COURSES from "./content/courses.json";

export interface CourseSummary {
  readonly id: string;
  readonly title: string;
  readonly teacher: string;
  readonly topic: string;
  readonly level: string;
  readonly euros: number;
  readonly rating: number;
  readonly learners: number;
  /** Name of its drawing. */
  readonly motif: string;
  readonly lead: string;
  readonly lessons: number;
  readonly minutes: number;
}

export const courses: readonly CourseSummary[] = Object.entries(COURSES).map(([id, course]) => ({
  id,
  ...course,
}));

export function courseOf(id: string | undefined): CourseSummary | undefined {
  return courses.find((course) => course.id === id);
}
