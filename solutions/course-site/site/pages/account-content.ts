import { courses } from "../catalogue.ts";
import type { PathParams } from "../path.ts";

export interface AccountContent {
  readonly courses: readonly {
    readonly id: string;
    readonly title: string;
    readonly motif: string;
    readonly lessons: number;
  }[];
}

export const load = (): AccountContent => ({
  courses: courses.map(({ id, title: name, motif, lessons }) => ({
    id,
    title: name,
    motif,
    lessons,
  })),
});
export const places = (): readonly PathParams[] => [{}];
export const title = (): string => "My learning — Northlight";
export const tags = (): readonly string[] => [];
