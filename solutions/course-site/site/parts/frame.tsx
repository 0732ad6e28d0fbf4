/** What surrounds every page. */
import type { ReactElement, ReactNode } from "react";
import type { PersonalState } from "../page.ts";

interface FrameProps {
  readonly personal: PersonalState;
  readonly children: ReactNode;
}

export function Frame({ personal, children }: FrameProps): ReactElement {
  return (
    <>
      <header className="bar">
        <a className="logo" href="/">
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M8 0l2 6 6 2-6 2-2 6-2-6-6-2 6-2z" />
          </svg>
          Northlight
        </a>
        <nav>
          <a href="/">Courses</a>
          <a href="/account">My learning</a>
        </nav>
        <Who personal={personal} />
      </header>
      <main>{children}</main>
      <footer>
        <p>Northlight is a demonstration: its courses are invented, and nothing is for sale.</p>
      </footer>
    </>
  );
}

/** Takes the same room before and after the second pass, so that nothing moves. */
function Who({ personal }: { readonly personal: PersonalState }): ReactElement {
  if (personal === "waiting") return <span className="who blank" aria-hidden="true" />;
  if (personal === "away") return <span className="who away">offline</span>;
  if (personal.learner === undefined)
    return (
      <a className="who" href="/account">
        Sign in
      </a>
    );
  const { name } = personal.learner;
  return (
    <a className="who" href="/account">
      <b aria-hidden="true">{name.slice(0, 1)}</b>
      {name.split(" ")[0]}
    </a>
  );
}
