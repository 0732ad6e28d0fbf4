/** Who is there, and what is theirs. Nothing of it is in the static render. */
import type { ReactElement } from "react";
import type { Personal, ViewProps } from "../page.ts";
import { Art } from "../parts/art.tsx";
import type { AccountContent } from "./account-content.ts";

const LEARNERS = { mei: "Mei Tanaka", sam: "Sam Okafor", lena: "Lena Vogel" };

export function View({ content, personal }: ViewProps<AccountContent>): ReactElement {
  return (
    <section className="account">
      <h1>My learning</h1>
      {personal === "waiting" && <p className="note">One moment …</p>}
      {personal === "away" && (
        <p className="note">What is yours cannot be reached now. The courses are still there.</p>
      )}
      {typeof personal !== "string" &&
        (personal.learner === undefined ? (
          <SignIn />
        ) : (
          <Shelf courses={content.courses} learner={personal.learner} />
        ))}
    </section>
  );
}

function SignIn(): ReactElement {
  return (
    <>
      <p className="lead">Sign in as one of three learners. There are no passwords here.</p>
      <ul className="people">
        {Object.entries(LEARNERS).map(([learner, name]) => (
          <li key={learner}>
            <button type="button" onClick={() => void become({ learner })}>
              <b aria-hidden="true">{name.slice(0, 1)}</b>
              {name}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

interface ShelfProps {
  readonly courses: AccountContent["courses"];
  readonly learner: NonNullable<Personal["learner"]>;
}

function Shelf({ courses, learner }: ShelfProps): ReactElement {
  const mine = courses.filter(({ id }) => learner.bought[id] !== undefined);
  return (
    <>
      <p className="lead">Welcome back, {learner.name}.</p>
      {mine.length === 0 && (
        <p className="note">
          Nothing yet. <a href="/">Find a course</a> to begin with.
        </p>
      )}
      <ul className="shelf">
        {mine.map(({ id, title, motif, lessons }) => (
          <li key={id}>
            <a href={`/courses/${id}`}>
              <Art motif={motif} />
              <span>
                <strong>{title}</strong>
                <progress max={lessons} value={learner.bought[id]} aria-label="Done" />
                {learner.bought[id]} of {lessons} lessons
              </span>
            </a>
          </li>
        ))}
      </ul>
      <button type="button" className="quiet" onClick={() => void become({})}>
        Sign out
      </button>
    </>
  );
}

async function become(body: { readonly learner?: string }): Promise<void> {
  const headers = { "content-type": "application/json" };
  await fetch("/personal", { method: "POST", headers, body: JSON.stringify(body) });
  location.reload();
}
