/** Apps and their functions, with what goes on in each. */
import type {
  FunctionResource,
  FunctionTraffic,
  InstanceResource,
  TrafficResource,
} from "@skerry/api-schema";
import type { ReactNode } from "react";
import { Header, ListBox, ListBoxItem, ListBoxSection } from "react-aria-components";
import { countText, msText, rateText } from "./format.ts";
import { InstanceDots } from "./instance-dots.tsx";
import { SameThing } from "./same-thing.tsx";
import { Spark } from "./spark.tsx";

interface Props {
  readonly functions: readonly FunctionResource[] | undefined;
  readonly traffic: TrafficResource | undefined;
  readonly instances: readonly InstanceResource[];
  readonly selected: string | undefined;
  onSelect(path: string): void;
}

const pathOf = ({ app, name }: FunctionResource): string => `${app}/${name}`;

export function FunctionList(props: Props): ReactNode {
  const { functions = [], selected, onSelect } = props;
  const apps = Map.groupBy(functions, ({ app }) => app);
  return (
    <nav className="list" aria-label="Apps and functions">
      <ListBox
        aria-label="Functions"
        selectionMode="single"
        disallowEmptySelection
        selectionBehavior="replace"
        selectedKeys={selected === undefined ? [] : [selected]}
        onSelectionChange={(keys) => {
          if (keys === "all") return;
          for (const key of keys) onSelect(String(key));
        }}
        className="functions"
      >
        {[...apps].map(([app, own]) => (
          <ListBoxSection key={app} id={`app-${app}`}>
            <Header>{app}</Header>
            {own.map((one) => (
              <Item key={pathOf(one)} one={one} {...props} />
            ))}
          </ListBoxSection>
        ))}
      </ListBox>
      <SameThing what="List functions" cli="npx skerry ls" api="GET /v1/apps · GET /v1/traffic" />
    </nav>
  );
}

function Item(props: Props & { readonly one: FunctionResource }): ReactNode {
  const { one, traffic, instances } = props;
  const path = pathOf(one);
  const seen = traffic?.functions.find(({ app, function: fn }) => `${app}/${fn}` === path);
  const own = instances.filter(({ app, function: fn }) => `${app}/${fn}` === path);
  return (
    <ListBoxItem id={path} textValue={path} className="function">
      <span className="function-name">{one.name}</span>
      <InstanceDots instances={own} most={LIST_DOTS} />
      <Spark series={seen?.series ?? QUIET} />
      <span className="function-figures">{figuresText(seen, traffic?.windowMs ?? 60_000)}</span>
    </ListBoxItem>
  );
}

/** As many as fit above the picture. */
const LIST_DOTS = 6;

const QUIET: readonly number[] = Array.from({ length: 30 }, () => 0);

function figuresText(seen: FunctionTraffic | undefined, windowMs: number): string {
  if (seen === undefined || seen.calls === 0) return "no calls in the last minute";
  const errors = seen.errors === 0 ? "" : ` · ${countText(seen.errors)} failed`;
  return `${rateText(seen.calls, windowMs)} · p95 ${msText(seen.p95Ms)}${errors}`;
}
