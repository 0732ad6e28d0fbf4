/** Events kept with the function: taken into the box by one press, kept by name. */
import type { SavedEventResource } from "@skerry/api-schema";
import { useState, type ReactNode } from "react";
import { Button, Input, Label, Tag, TagGroup, TagList, TextField } from "react-aria-components";
import { quoted } from "./format.ts";
import type { EventProps } from "./run-box.tsx";
import { SameThing } from "./same-thing.tsx";
import { usePoll } from "./use-poll.ts";

const EVERY_MS = 15_000;
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

export function SavedEvents(
  props: EventProps & { readonly isValid: boolean; onEvent(text: string): void },
): ReactNode {
  const { client, shown, event, isValid, onEvent } = props;
  const params = { app: shown.app, fn: shown.name };
  const saved = usePoll(() => client.listSavedEvents({ params }), {
    everyMs: EVERY_MS,
    subject: shown.id,
  });
  const [name, setName] = useState("");
  const [pointed, setPointed] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const items = saved.value?.items ?? [];
  const forgettable = items.find((one) => one.name === pointed) ?? items[0];
  const path = `${shown.app}/${shown.name}`;
  const change = (work: Promise<unknown>): void => {
    work.then(
      () => {
        setProblem(undefined);
        saved.refresh();
      },
      (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
    );
  };
  const keep = (): void => {
    const body = { event: JSON.parse(event) as unknown };
    change(
      client.putSavedEvent({ params: { ...params, event: name }, body }).then(() => setName("")),
    );
  };
  return (
    <div className="saved">
      <Tags
        items={items}
        onTake={({ event: kept }) => onEvent(JSON.stringify(kept, undefined, 2))}
        onPoint={setPointed}
        onRemove={(one) => change(client.deleteSavedEvent({ params: { ...params, event: one } }))}
      />
      <div className="saved-new">
        <TextField value={name} onChange={setName} isInvalid={name !== "" && !NAME.test(name)}>
          <Label>Save as</Label>
          <Input className="input" placeholder="a-name" autoComplete="off" spellCheck="false" />
        </TextField>
        <Button className="button" isDisabled={!isValid || !NAME.test(name)} onPress={keep}>
          Save
        </Button>
      </div>
      {problem === undefined ? null : <p className="problem">{problem}</p>}
      {forgettable === undefined ? null : (
        <SameThing
          what={`Forget ${forgettable.name}`}
          cli={`npx skerry events rm ${path} ${forgettable.name}`}
          api={`DELETE /v1/apps/${shown.app}/functions/${shown.name}/events/${forgettable.name}`}
        />
      )}
      {name === "" ? null : (
        <SameThing
          what="Save the event"
          cli={`npx skerry events save ${path} ${name} --data ${quoted(event)}`}
          api={`PUT /v1/apps/${shown.app}/functions/${shown.name}/events/${name} {"event":${event}}`}
        />
      )}
    </div>
  );
}

function Tags(props: {
  readonly items: readonly SavedEventResource[];
  onTake(saved: SavedEventResource): void;
  /** The pointer is on one. */
  onPoint(name: string): void;
  onRemove(name: string): void;
}): ReactNode {
  const { items, onTake, onPoint, onRemove } = props;
  if (items.length === 0) return null;
  return (
    <TagGroup
      selectionMode="single"
      selectedKeys={[]}
      onSelectionChange={(keys) => {
        const taken = items.find(({ name }) => keys !== "all" && keys.has(name));
        if (taken !== undefined) onTake(taken);
      }}
      onRemove={(keys) => {
        for (const key of keys) onRemove(String(key));
      }}
    >
      <Label>Saved events</Label>
      <TagList className="tag-list">
        {items.map(({ name }) => (
          <Tag
            key={name}
            id={name}
            textValue={name}
            className="event-tag"
            onHoverStart={() => onPoint(name)}
          >
            {name}
            <Button slot="remove" className="remove" aria-label={`Forget ${name}`}>
              <span aria-hidden="true">×</span>
            </Button>
          </Tag>
        ))}
      </TagList>
    </TagGroup>
  );
}
