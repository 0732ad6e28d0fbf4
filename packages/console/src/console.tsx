/** The page of someone who is signed in: what there is on one side, one function on the other. */
import type { FunctionResource, InstanceResource, TrafficResource } from "@skerry/api-schema";
import { everyItem, type Client } from "@skerry/sdk";
import { useEffect, useState, type ReactNode } from "react";
import { Button } from "react-aria-components";
import { FunctionList } from "./function-list.tsx";
import { FunctionView } from "./function-view.tsx";
import { Mark } from "./mark.tsx";
import { SameThing, SameThingChoice } from "./same-thing.tsx";
import { ThemeButton } from "./theme.tsx";
import { usePoll } from "./use-poll.ts";

const FUNCTIONS_EVERY_MS = 4_000;
const LIVE_EVERY_MS = 1_000;
const PLATFORM_EVERY_MS = 10_000;

interface Live {
  readonly traffic: TrafficResource;
  readonly instances: readonly InstanceResource[];
}

async function readFunctions(client: Client): Promise<readonly FunctionResource[]> {
  const found: FunctionResource[] = [];
  for await (const { name } of everyItem((cursor) => client.listApps({ query: { cursor } }))) {
    const ask = (cursor: string | undefined): ReturnType<Client["listFunctions"]> =>
      client.listFunctions({ params: { app: name }, query: { cursor } });
    for await (const one of everyItem(ask)) found.push(one);
  }
  return found;
}

async function readLive(client: Client): Promise<Live> {
  const [traffic, { items }] = await Promise.all([client.getTraffic(), client.listInstances()]);
  return { traffic, instances: items };
}

/** `app/fn` behind the number sign, so that a function has an address. */
function useSelected(): readonly [string | undefined, (path: string) => void] {
  const read = (): string | undefined => /^#\/(.+)$/.exec(globalThis.location.hash)?.[1];
  const [selected, setSelected] = useState(read);
  useEffect(() => {
    const onChange = (): void => setSelected(read());
    globalThis.addEventListener("hashchange", onChange);
    return () => globalThis.removeEventListener("hashchange", onChange);
  }, []);
  const select = (path: string): void => {
    globalThis.history.replaceState(null, "", `#/${path}`);
    setSelected(path);
  };
  return [selected, select];
}

export function Console(props: { readonly client: Client; onSignedOut(): void }): ReactNode {
  const { client } = props;
  const functions = usePoll(() => readFunctions(client), {
    everyMs: FUNCTIONS_EVERY_MS,
    subject: client,
  });
  const live = usePoll(() => readLive(client), { everyMs: LIVE_EVERY_MS, subject: client });
  const [selected, select] = useSelected();
  const all = functions.value ?? [];
  const shown = all.find(({ app, name }) => `${app}/${name}` === selected) ?? all[0];
  const path = shown === undefined ? undefined : `${shown.app}/${shown.name}`;
  const instances = live.value?.instances ?? [];
  return (
    <SameThingChoice>
      <a className="skip" href="#function" onClick={focusFunction}>
        Skip to the function
      </a>
      <Top {...props} problem={functions.problem ?? live.problem} />
      <div className="columns">
        <FunctionList
          functions={functions.value}
          traffic={live.value?.traffic}
          instances={instances}
          selected={path}
          onSelect={select}
        />
        <main id="function" tabIndex={-1}>
          {shown === undefined ? (
            <Nothing isKnown={functions.value !== undefined} />
          ) : (
            <FunctionView
              key={shown.id}
              client={client}
              shown={shown}
              traffic={live.value?.traffic}
              instances={instances.filter((one) => `${one.app}/${one.function}` === path)}
            />
          )}
        </main>
      </div>
      <Foot client={client} />
    </SameThingChoice>
  );
}

/** What the button at the top does. */
function Foot({ client }: { readonly client: Client }): ReactNode {
  const { value } = usePoll(() => client.getPrincipal(), {
    everyMs: PLATFORM_EVERY_MS,
    subject: client,
  });
  const id = value?.consoleSessionId;
  if (id === undefined) return null;
  return (
    <footer className="foot">
      <SameThing
        what="Sign out"
        cli={`npx skerry sign-ins rm ${id}`}
        api={`DELETE /v1/console-sessions/${id}`}
      />
    </footer>
  );
}

/** The address stays: what stands behind the number sign names a function. */
function focusFunction(event: { preventDefault(): void }): void {
  event.preventDefault();
  globalThis.document.getElementById("function")?.focus();
}

function Top(props: {
  readonly client: Client;
  readonly problem: string | undefined;
  onSignedOut(): void;
}): ReactNode {
  const { client, problem, onSignedOut } = props;
  const platform = usePoll(() => client.getPlatform(), {
    everyMs: PLATFORM_EVERY_MS,
    subject: client,
  });
  const signOut = async (): Promise<void> => {
    const { consoleSessionId } = await client.getPrincipal();
    const session = consoleSessionId ?? "";
    await client.deleteConsoleSession({ params: { session } });
    onSignedOut();
  };
  const node = platform.value?.nodes[0];
  return (
    <header className="top">
      <Mark size={30} />
      <h1>Skerry</h1>
      <p className="platform" role="status">
        {problem === undefined ? (
          <>
            <span className="dot ready" aria-hidden="true" />
            {node?.sandbox?.label ?? "connecting …"}
          </>
        ) : (
          <span className="problem">{problem}</span>
        )}
      </p>
      <ThemeButton />
      <Button className="button quiet" onPress={() => void signOut().catch(onSignedOut)}>
        Sign out
      </Button>
    </header>
  );
}

function Nothing({ isKnown }: { readonly isKnown: boolean }): ReactNode {
  if (!isKnown) return <p className="quiet-text">Looking …</p>;
  return (
    <section className="card empty">
      <h2>Nothing is deployed yet</h2>
      <p>A function is a folder with a file that exports a handler.</p>
      <pre>
        <code>npx skerry deploy DIR</code>
      </pre>
    </section>
  );
}
