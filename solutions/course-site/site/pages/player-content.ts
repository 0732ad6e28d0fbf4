import type { CourseSummary } from "../catalogue.ts";
import type { PathParams } from "../path.ts";
import { linesOf } from "../transcripts.ts";
import * as detail from "./detail-content.ts";

export interface PlayerContent {
  readonly course: CourseSummary;
  readonly lessons: readonly detail.Lesson[];
  /** Counted from 1. */
  readonly number: number;
  readonly lesson: detail.Lesson;
  /** Absent unless the lesson is free: what is paid for stands in no static page. */
  readonly lines?: readonly string[];
}

export function load({ course: id, lesson: digits = "" }: PathParams): PlayerContent | undefined {
  const found = detail.load({ course: id ?? "" });
  const number = /^[1-9]\d?$/.test(digits) ? Number(digits) : 0;
  const lesson = found?.lessons[number - 1];
  if (found === undefined || lesson === undefined) return undefined;
  const { course, lessons } = found;
  const common = { course, lessons, number, lesson };
  if (!lesson.isFree) return common;
  return { ...common, lines: linesOf(course.id, number) };
}

export function places(): readonly PathParams[] {
  return detail.places().flatMap(({ course = "" }) => {
    const lessons = detail.load({ course })?.lessons ?? [];
    return lessons.map((_, i) => ({ course, lesson: String(i + 1) }));
  });
}

export const title = ({ lesson, course }: PlayerContent): string =>
  `${lesson.title} · ${course.title} — Northlight`;
export const tags = ({ course }: PathParams): readonly string[] => [`course-${course}`];
