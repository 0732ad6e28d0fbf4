/** What is said in lessons. */
import TRANSCRIPTS from "./content/transcripts.json";

const transcripts: Readonly<Record<string, readonly (readonly string[])[]>> = TRANSCRIPTS;

/** Lessons are counted from 1; none where there is no such lesson. */
export function linesOf(course: string, lesson: number): readonly string[] {
  const lessons = Object.hasOwn(transcripts, course) ? transcripts[course] : undefined;
  return lessons?.[lesson - 1] ?? [];
}
