/** All courses, or those that a search or a topic leaves. */
import type { ReactElement } from "react";
import type { CourseSummary } from "../catalogue.ts";
import type { PersonalState, ViewProps } from "../page.ts";
import { Art } from "../parts/art.tsx";
import { Price } from "../parts/price.tsx";
import type { ListContent } from "./list-content.ts";

const WORDS_CHARS_MAX = 80;

export function View({ content, query, personal }: ViewProps<ListContent>): ReactElement {
  const words = (query.get("q") ?? "").slice(0, WORDS_CHARS_MAX);
  const topic = query.get("topic") ?? "";
  const topics = [...new Set(content.courses.map((course) => course.topic))];
  const found = content.courses.filter((course) => isFound(course, words, topic));
  return (
    <>
      <section className="hero">
        <h1>Learn something that stays with you.</h1>
        <p>Short courses by people who do it every day. Begin any of them free.</p>
        <form action="/" role="search">
          <input name="q" aria-label="Search" placeholder="What would you like to learn?" />
          <button type="submit">Search</button>
        </form>
      </section>
      <nav className="topics" aria-label="Topics">
        <Topic name="" label="All" chosen={topic} />
        {topics.map((name) => (
          <Topic key={name} name={name} label={name} chosen={topic} />
        ))}
      </nav>
      {words !== "" && (
        <p className="note">
          {found.length} of {content.courses.length} courses for “{words}”
        </p>
      )}
      <Offer personal={personal} />
      <ul className="cards">
        {found.map((course) => (
          <li key={course.id}>
            <Card course={course} personal={personal} />
          </li>
        ))}
      </ul>
    </>
  );
}

function isFound(course: CourseSummary, words: string, topic: string): boolean {
  const text = `${course.title} ${course.teacher} ${course.topic} ${course.lead}`.toLowerCase();
  return text.includes(words.toLowerCase()) && (topic === "" || course.topic === topic);
}

interface TopicProps {
  readonly name: string;
  readonly label: string;
  readonly chosen: string;
}

function Topic({ name, label, chosen }: TopicProps): ReactElement {
  return (
    <a
      href={name === "" ? "/" : `/?topic=${name}`}
      aria-current={name === chosen ? "page" : undefined}
    >
      {label}
    </a>
  );
}

function Offer({ personal }: { readonly personal: PersonalState }): ReactElement {
  const discount = typeof personal === "string" ? undefined : personal.discount;
  return (
    <p className="offer">
      {discount !== undefined && `${discount.reason}: ${discount.percent} % off every course`}
    </p>
  );
}

interface CardProps {
  readonly course: CourseSummary;
  readonly personal: PersonalState;
}

function Card({ course, personal }: CardProps): ReactElement {
  return (
    <a className="card" href={`/courses/${course.id}`}>
      <Art motif={course.motif} />
      <div className="text">
        <p className="topic">{course.topic}</p>
        <h2>{course.title}</h2>
        <p className="teacher">
          {course.teacher} · {course.lessons} lessons · {course.minutes} min
        </p>
        <p className="foot">
          <span className="rating">★ {course.rating.toFixed(1)}</span>
          <Price courseId={course.id} euros={course.euros} personal={personal} />
        </p>
      </div>
    </a>
  );
}
