/**
 * What an action does, as a command and as a call of the API. Which of the two is shown is one
 * choice for the whole page.
 */
import { createContext, useContext, useState, type ReactNode } from "react";
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";

type Form = "cli" | "api";
interface Choice {
  readonly form: Form;
  choose(form: Form): void;
}

const Chosen = createContext<Choice>({ form: "cli", choose: () => undefined });

export function SameThingChoice({ children }: { readonly children: ReactNode }): ReactNode {
  const [form, choose] = useState<Form>("cli");
  return <Chosen value={{ form, choose }}>{children}</Chosen>;
}

export interface Ways {
  /** What the action is called, for those who cannot see where it stands. */
  readonly what: string;
  readonly cli: string;
  readonly api: string;
}

export function SameThing({ what, cli, api }: Ways): ReactNode {
  const { form, choose } = useContext(Chosen);
  const text = form === "cli" ? cli : api;
  return (
    <div className="same-thing">
      <ToggleButtonGroup
        aria-label={`${what}: as a command or as an API call`}
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[form]}
        onSelectionChange={(keys) => choose(keys.has("api") ? "api" : "cli")}
        className="segments"
      >
        <ToggleButton id="cli">CLI</ToggleButton>
        <ToggleButton id="api">API</ToggleButton>
      </ToggleButtonGroup>
      <code
        tabIndex={0}
        role="region"
        aria-label={`${what} as ${form === "cli" ? "a command" : "an API call"}`}
      >
        {text}
      </code>
      <CopyButton text={text} what={what} />
    </div>
  );
}

export function CopyButton({
  text,
  what,
}: {
  readonly text: string;
  readonly what: string;
}): ReactNode {
  const [copied, setCopied] = useState("");
  const { clipboard } = globalThis.navigator as { readonly clipboard?: Clipboard };
  // Over plain HTTP from another machine browsers lend it to nobody; the text can be selected.
  if (clipboard === undefined) return null;
  const copy = (): void => {
    void clipboard.writeText(text).then(
      () => setCopied(text),
      () => setCopied(""),
    );
  };
  return (
    <Button className="button quiet small" aria-label={`Copy: ${what}`} onPress={copy}>
      {copied === text ? "Copied" : "Copy"}
    </Button>
  );
}
