/** One course: what it teaches, lesson by lesson, and what it costs whom. */
import type { ReactElement } from "react";
import type { PersonalState, ViewProps } from "../page.ts";
import { Art } from "../parts/art.tsx";
import { isBought, lessonsDone, Price, priceAfter } from "../parts/price.tsx";
import type { CourseSummary } from "../catalogue.ts";
import type { DetailContent, Lesson } from "./detail-content.ts";

export function View({ content, personal }: ViewProps<DetailContent>): ReactElement {
  const { course, goals, lessons } = content;
  return (
    <article className="detail">
      <div className="about">
        <p className="topic">
          {course.topic} · {course.level}
        </p>
        <h1>{course.title}</h1>
        <p className="lead">{course.lead}</p>
        <p className="teacher">
          By {course.teacher} · ★ {course.rating.toFixed(1)} of {course.learners} learners
        </p>
        <h2>What you will be able to do</h2>
        <ul className="goals">
          {goals.map((goal) => (
            <li key={goal}>{goal}</li>
          ))}
        </ul>
        <h2>Lessons</h2>
        <ol className="lessons">
          {lessons.map((lesson, i) => (
            <Row key={lesson.title} {...{ course, lesson, personal, number: i + 1 }} />
          ))}
        </ol>
      </div>
      <aside className="buy">
        <Art motif={course.motif} />
        <div className="text">
          <p className="big">
            <Price courseId={course.id} euros={course.euros} personal={personal} />
          </p>
          <Action course={course} personal={personal} />
          <p className="small">
            {course.lessons} lessons, {course.minutes} minutes, and yours for good.
          </p>
        </div>
      </aside>
    </article>
  );
}

interface RowProps {
  readonly course: CourseSummary;
  readonly lesson: Lesson;
  readonly number: number;
  readonly personal: PersonalState;
}

function Row({ course, lesson, number, personal }: RowProps): ReactElement {
  const isOpen = lesson.isFree || isBought(personal, course.id);
  const isDone = number <= (lessonsDone(personal, course.id) ?? 0);
  return (
    <li className={isDone ? "done" : undefined}>
      <a href={`/courses/${course.id}/lessons/${number}`}>{lesson.title}</a>
      <span>{isOpen ? (lesson.isFree ? "free" : "open") : "locked"}</span>
      <span>{lesson.minutes} min</span>
    </li>
  );
}

interface ActionProps {
  readonly course: CourseSummary;
  readonly personal: PersonalState;
}

function Action({ course, personal }: ActionProps): ReactElement {
  const done = lessonsDone(personal, course.id);
  const lesson = (number: number): string => `/courses/${course.id}/lessons/${number}`;
  if (done !== undefined && done < course.lessons)
    return (
      <a className="button" href={lesson(done + 1)}>
        Go on with lesson {done + 1}
      </a>
    );
  const label =
    typeof personal === "string" || done !== undefined
      ? "Watch the first lesson"
      : `Begin free, then €${priceAfter(course.euros, personal)}`;
  return (
    <a className="button" href={lesson(1)}>
      {label}
    </a>
  );
}
