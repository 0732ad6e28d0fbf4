/** Who may call routes, as security schemes of an OpenAPI document. */
import { GATEWAY_HEADERS, type RouteAuth } from "@skerry/contracts";

type Scheme = Readonly<Record<string, string>>;
type Requirement = Readonly<Record<string, readonly string[]>>;

/** Each distinct scheme once, under a name of its own. */
export class SecuritySchemes {
  readonly #named = new Map<string, { readonly name: string; readonly scheme: Scheme }>();

  /** Alternatives, of which one must hold; none for everyone. */
  of(auth: RouteAuth): readonly Requirement[] {
    if (auth === "none") return [];
    if (auth === "key") {
      const bearer = this.#add("key", { type: "http", scheme: "bearer" });
      const header = this.#add("keyHeader", apiKey("header", GATEWAY_HEADERS.key));
      return [{ [bearer]: [] }, { [header]: [] }];
    }
    if ("jwt" in auth) {
      const { from, scopes } = auth.jwt;
      const named = this.#add("jwt", jwtScheme(from));
      return [{ [named]: scopes }];
    }
    const all = auth.authorizer.by.map((part): Scheme => {
      if ("header" in part) return apiKey("header", part.header);
      return "cookie" in part ? apiKey("cookie", part.cookie) : apiKey("query", part.query);
    });
    return [Object.fromEntries(all.map((scheme) => [this.#add("authorizer", scheme), []]))];
  }

  all(): Readonly<Record<string, Scheme>> {
    return Object.fromEntries([...this.#named.values()].map(({ name, scheme }) => [name, scheme]));
  }

  #add(base: string, scheme: Scheme): string {
    const text = `${base} ${JSON.stringify(scheme)}`;
    const known = this.#named.get(text);
    if (known !== undefined) return known.name;
    const count = [...this.#named.keys()].filter((key) => key.startsWith(`${base} `)).length;
    const name = count === 0 ? base : `${base}${count + 1}`;
    this.#named.set(text, { name, scheme });
    return name;
  }
}

function apiKey(place: "header" | "cookie" | "query", name: string): Scheme {
  return { type: "apiKey", in: place, name };
}

function jwtScheme(from: { readonly cookie: string } | { readonly header: string } | undefined) {
  if (from === undefined) return { type: "http", scheme: "bearer", bearerFormat: "JWT" };
  return "cookie" in from ? apiKey("cookie", from.cookie) : apiKey("header", from.header);
}
