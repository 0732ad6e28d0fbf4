/** One lesson. What it shows is a drawing and its words, which go on while it plays. */
import { useEffect, useState, type ReactElement } from "react";
import type { ViewProps } from "../page.ts";
import { Art } from "../parts/art.tsx";
import { isBought } from "../parts/price.tsx";
import type { PlayerContent } from "./player-content.ts";

const LINE_MS = 4_000;

export function View({ content, personal }: ViewProps<PlayerContent>): ReactElement {
  const { course, lesson, lessons, number } = content;
  const isOpen = lesson.isFree || isBought(personal, course.id);
  return (
    <article className="player">
      <div>
        <p className="topic">
          <a href={`/courses/${course.id}`}>{course.title}</a> · Lesson {number} of {lessons.length}
        </p>
        <h1>{lesson.title}</h1>
        {isOpen ? <Screen content={content} /> : <Locked {...{ course, personal }} />}
      </div>
      <aside>
        <h2>Lessons</h2>
        <ol className="lessons">
          {lessons.map(({ title, minutes }, i) => (
            <li key={title} className={i + 1 === number ? "current" : undefined}>
              <a
                href={`/courses/${course.id}/lessons/${i + 1}`}
                aria-current={i + 1 === number ? "page" : undefined}
              >
                {title}
              </a>
              <span>{minutes} min</span>
            </li>
          ))}
        </ol>
      </aside>
    </article>
  );
}

function Locked({
  course,
  personal,
}: Pick<ViewProps<unknown>, "personal"> & Pick<PlayerContent, "course">): ReactElement {
  return (
    <div className="screen locked">
      <Art motif={course.motif} />
      <p className="caption">
        {personal === "waiting" ? " " : "This lesson belongs to the course."}{" "}
        {personal !== "waiting" && <a href={`/courses/${course.id}`}>See what it costs you</a>}
      </p>
    </div>
  );
}

/** What is said: part of the page where it is free, else asked for by whoever has bought it. */
function useLines({ course, number, lines }: PlayerContent): readonly string[] {
  const [own, setOwn] = useState<readonly string[]>([]);
  useEffect(() => {
    if (lines === undefined) void askLines(course.id, number).then(setOwn);
  }, [course.id, number, lines]);
  return lines ?? own;
}

async function askLines(course: string, number: number): Promise<readonly string[]> {
  try {
    const response = await fetch(`/personal?course=${course}&lesson=${number}`);
    if (!response.ok) return [];
    const { lines } = (await response.json()) as { lines: readonly string[] };
    return lines;
  } catch {
    return [];
  }
}

function Screen({ content }: { readonly content: PlayerContent }): ReactElement {
  const { course, lesson } = content;
  const lines = useLines(content);
  const [line, setLine] = useState(0);
  const [isPlaying, setPlaying] = useState(false);
  const isLast = line >= lines.length - 1;
  useEffect(() => {
    if (!isPlaying || isLast) return undefined;
    const timer = setTimeout(() => setLine(line + 1), LINE_MS);
    return () => clearTimeout(timer);
  }, [isPlaying, isLast, line]);
  return (
    <>
      <div className="screen">
        <Art motif={course.motif} />
        {lines[line] !== undefined && <p className="caption">{lines[line]}</p>}
        <div className="controls">
          <button type="button" onClick={() => setPlaying(!isPlaying)}>
            {isPlaying ? "Pause" : "Play"}
          </button>
          <progress max={Math.max(1, lines.length)} value={line + 1} aria-label="Position" />
          <span>{lesson.minutes}:00</span>
        </div>
      </div>
      <ol className="transcript">
        {lines.map((text, i) => (
          <li key={text} className={i === line ? "current" : undefined}>
            <button type="button" onClick={() => setLine(i)}>
              {text}
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}
