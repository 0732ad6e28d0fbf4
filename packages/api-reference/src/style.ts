/**
 * The page's looks: system fonts, two columns where there is room, light and dark as one prefers.
 */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#fbfbfa, #14171a);
  --raised: light-dark(#ffffff, #1b1f23);
  --code: light-dark(#f3f4f2, #0f1214);
  --line: light-dark(#e3e5e1, #2c3238);
  --text: light-dark(#1d2329, #e4e8ea);
  --quiet: light-dark(#5b656e, #98a3ab);
  --accent: light-dark(#0b6472, #6cc7d4);
  --get: light-dark(#0b6472, #6cc7d4);
  --post: light-dark(#2f6b1f, #93cf7d);
  --put: light-dark(#8a5300, #e3b04b);
  --delete: light-dark(#a52a2a, #f08f8a);
  --mono: ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { scroll-padding-top: 1.5rem; }
body { margin: 0; display: grid; grid-template-columns: 18rem minmax(0, 1fr);
  background: var(--ground); color: var(--text); }
a { color: var(--accent); text-decoration: none; }
a:hover, p a, td a { text-decoration: underline; text-underline-offset: .2em; }
.facts a:not(:hover), .brand a { text-decoration: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
main:focus { outline: none; }
code, pre { font-family: var(--mono); font-size: .86em; }
h1, h2, h3, h4, p { margin: 0; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--raised); padding: .5rem 1rem; z-index: 1; }

nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 2rem 1.5rem;
  border-right: 1px solid var(--line); }
.brand { font-size: 1.15rem; font-weight: 650; letter-spacing: -.01em; }
.brand a { color: inherit; }
.brand span { color: var(--quiet); font-weight: 400; }
.filter { display: block; margin-top: 1rem; font-size: .8rem; color: var(--quiet); }
.filter input { display: block; width: 100%; margin-top: .25rem; padding: .4rem .6rem; font: inherit;
  font-size: .9rem; color: var(--text); background: var(--raised); border: 1px solid var(--line);
  border-radius: 6px; }
nav h2 { margin: 1.25rem 0 .3rem; font-size: .75rem; font-weight: 600; letter-spacing: .06em;
  text-transform: uppercase; color: var(--quiet); }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: flex; gap: .6rem; align-items: baseline; padding: .2rem .4rem; margin: 0 -.4rem;
  border-radius: 5px; color: inherit; font-size: .87rem; line-height: 1.35; }
nav li a:hover { background: var(--code); text-decoration: none; }
nav .method { flex: none; width: 3.1rem; }
.method { font: 600 .7rem/1 var(--mono); text-transform: uppercase; color: var(--get); }
.method.post { color: var(--post); }
.method.put { color: var(--put); }
.method.delete { color: var(--delete); }
.method.head { color: var(--quiet); }

main { max-width: 78rem; padding: 2.25rem 2.5rem 6rem; }
header p { max-width: 46rem; margin-top: .8rem; }
h1 { font-size: 1.9rem; font-weight: 680; letter-spacing: -.02em; line-height: 1.2; }
.tag > h2, #schemas > h2 { margin: 3.25rem 0 0; padding-bottom: .5rem; font-size: 1.25rem;
  font-weight: 650; text-transform: capitalize; border-bottom: 1px solid var(--line); }
.facts { display: flex; flex-wrap: wrap; gap: .35rem .9rem; align-items: baseline;
  color: var(--quiet); font-size: .87rem; }
.operation { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 27rem); gap: 0 2.5rem;
  padding: 1.75rem 0; border-bottom: 1px solid var(--line); }
.says-all > * + * { margin-top: .55rem; }
h3 { font-size: 1.05rem; font-weight: 620; }
h3 a { color: inherit; }
:target h3 a { color: var(--accent); }
h4 { padding-top: .7rem; font-size: .8rem; font-weight: 600; color: var(--quiet); }
.line { display: flex; gap: .7rem; align-items: baseline; }
.line code { font-size: .92rem; overflow-wrap: anywhere; }
.line i { color: var(--accent); font-style: normal; }
.table { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .88rem; }
th, td { padding: .42rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
tr:first-child > * { border-top: 0; }
th { width: 34%; padding-right: 1.2rem; font-weight: 400; overflow-wrap: anywhere; }
.answers th { width: 4.5rem; }
.optional { display: block; color: var(--quiet); font-size: .78rem; line-height: 1.3; }
.bounds { margin-left: .6rem; color: var(--quiet); font-size: .82rem; overflow-wrap: anywhere; }
.says { display: block; color: var(--quiet); }
details { font-size: .88rem; }
summary { cursor: pointer; color: var(--quiet); }
.samples { display: grid; gap: .9rem; align-content: start; position: sticky; top: 1.5rem;
  align-self: start; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; background: var(--code);
  overflow: hidden; }
figcaption { padding: .35rem .8rem; font-size: .75rem; color: var(--quiet);
  border-bottom: 1px solid var(--line); }
pre { margin: 0; padding: .7rem .8rem; overflow-x: auto; line-height: 1.5; }
.schema { padding: 1.5rem 0; max-width: 50rem; }
.schema h3 { margin-bottom: .5rem; }
.none { padding: 4rem 0; color: var(--quiet); }

@media (max-width: 72rem) {
  .operation { grid-template-columns: minmax(0, 1fr); }
  .samples { position: static; margin-top: 1.1rem; }
}
@media (max-width: 48rem) {
  body { display: block; }
  nav { position: static; height: auto; max-height: 60vh; padding: 1.25rem;
    border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1.5rem 1.25rem 4rem; }
  th { width: 42%; }
}
@media print {
  nav, .samples { display: none; }
  body, .operation { display: block; }
}
`;
