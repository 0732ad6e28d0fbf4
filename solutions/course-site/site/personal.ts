/**
 * The dynamic part: who is there, what they have bought, and what they pay. Kept by nobody. The
 * cookie names one of three learners of the demonstration, and proves nothing: a real site checks a
 * password here and signs what it hands out.
 */
import LEARNERS from "./content/learners.json";
import type { Personal } from "./page.ts";
import { linesOf } from "./transcripts.ts";

const COOKIE = "learner";
const NEVER_KEPT = { "cache-control": "private, no-store" };
const NEWCOMER: Personal = { discount: { percent: 10, reason: "Autumn week" } };

type Learners = Readonly<Record<string, (typeof LEARNERS)[keyof typeof LEARNERS]>>;
const learners: Learners = LEARNERS;

/**
 * `GET` says who is there, and with `?course=ID&lesson=N` what is said in a lesson of theirs;
 * `POST {"learner": NAME}` signs in, and `{}` out.
 */
export async function personalHandler(request: Request): Promise<Response> {
  if (request.method === "POST") return signIn(request);
  const name = /(?:^|;\s*)learner=([\w-]+)/.exec(request.headers.get("cookie") ?? "")?.[1];
  const personal = personalOf(name);
  const { searchParams } = new URL(request.url);
  const course = searchParams.get("course");
  if (course === null) return Response.json(personal, { headers: NEVER_KEPT });
  if (!Object.hasOwn(personal.learner?.bought ?? {}, course))
    return new Response(null, { status: 403, headers: NEVER_KEPT });
  const lines = linesOf(course, Number(searchParams.get("lesson")));
  return Response.json({ lines }, { headers: NEVER_KEPT });
}

async function signIn(request: Request): Promise<Response> {
  const body: unknown = await request.json().catch(() => undefined);
  const asked = body !== null && typeof body === "object" && "learner" in body ? body.learner : "";
  const name = typeof asked === "string" && Object.hasOwn(learners, asked) ? asked : "";
  const age = name === "" ? 0 : 86_400;
  const cookie = `${COOKIE}=${name}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax`;
  return new Response(null, { status: 204, headers: { ...NEVER_KEPT, "set-cookie": cookie } });
}

function personalOf(name: string | undefined): Personal {
  const found = name !== undefined && Object.hasOwn(learners, name) ? learners[name] : undefined;
  if (found === undefined) return NEWCOMER;
  const { name: fullName, bought, discountPercent, discountReason } = found;
  const learner = { name: fullName, bought };
  return discountPercent === 0
    ? { learner }
    : { learner, discount: { percent: discountPercent, reason: discountReason } };
}
