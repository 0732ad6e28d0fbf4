import { courses, type CourseSummary } from "../catalogue.ts";
import type { PathParams } from "../path.ts";

export interface ListContent {
  readonly courses: readonly CourseSummary[];
}

export const load = (): ListContent => ({ courses });
export const places = (): readonly PathParams[] => [{}];
export const title = (): string => "Northlight — courses for curious people";
export const tags = (): readonly string[] => [];
