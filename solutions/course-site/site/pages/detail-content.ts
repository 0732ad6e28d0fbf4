import { courseOf, courses, type CourseSummary } from "../catalogue.ts";
import SYLLABUS from "../content/syllabus.json";
import type { PathParams } from "../path.ts";

export interface Lesson {
  readonly title: string;
  readonly minutes: number;
  readonly isFree: boolean;
}

export interface DetailContent {
  readonly course: CourseSummary;
  readonly goals: readonly string[];
  readonly lessons: readonly Lesson[];
}

export function load({ course: id }: PathParams): DetailContent | undefined {
  const course = courseOf(id);
  return course && { course, ...SYLLABUS[course.id as keyof typeof SYLLABUS] };
}

export const places = (): readonly PathParams[] => courses.map(({ id }) => ({ course: id }));
export const title = ({ course }: DetailContent): string => `${course.title} — Northlight`;
export const tags = ({ course }: PathParams): readonly string[] => [`course-${course}`];
