/** Light, dark, or as the system has it; kept in this browser. */
import { useEffect, useState, type ReactNode } from "react";
import { Button } from "react-aria-components";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const KEY = "skerry-theme";
const SIGNS: Readonly<Record<Theme, string>> = { auto: "◐", light: "☀", dark: "☾" };

function kept(): Theme {
  const text = globalThis.localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === text) ?? "auto";
}

export function ThemeButton(): ReactNode {
  const [theme, setTheme] = useState<Theme>(kept);
  useEffect(() => {
    globalThis.document.documentElement.dataset["theme"] = theme;
    globalThis.localStorage.setItem(KEY, theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";
  return (
    <Button
      className="button quiet round"
      aria-label={`Colours: ${theme}. Change to ${next}`}
      onPress={() => setTheme(next)}
    >
      <span aria-hidden="true">{SIGNS[theme]}</span>
    </Button>
  );
}
