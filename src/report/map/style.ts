/** The look of the page; colours of uses come from the rows of kind.ts as --kind0, --kind1, ... */
export function pageStyle(): string {
  return `
:root { --ground: #0e131d; --panel: #151c29; --line: #263145; --ink: #dbe4f3; --dim: #8b9ab3; --glow: #4aa3ff; color-scheme: dark; }
:root[data-theme=light] { --ground: #fff; --panel: #f4f7fb; --line: #d5deea; --ink: #1b2433; --dim: #5d6b82; --glow: #1d6fd8; color-scheme: light; }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; background: var(--ground); color: var(--ink);
  font: 14px/1.45 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header { display: flex; align-items: center; gap: 16px; padding: 10px 16px; background: var(--panel); border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 16px; font-weight: 650; letter-spacing: .01em; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; max-width: 30vw; }
#summary { margin: 0; flex: 1; color: var(--dim); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
input, header button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 7px; padding: 5px 10px; }
input { width: 230px; }
header button { cursor: pointer; padding: 5px 11px; }
:focus-visible { outline: 2px solid var(--glow); outline-offset: 1px; }
main { flex: 1; min-height: 0; display: flex; }
#plot { position: relative; flex: 1; min-width: 0; margin: 10px 0 6px 6px; overflow: hidden; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; cursor: crosshair; touch-action: none; border-radius: 4px; }
canvas:active { cursor: grabbing; }
#tip { position: absolute; z-index: 2; max-width: min(440px, 92%); padding: 9px 12px; pointer-events: none;
  background: var(--panel); border: 1px solid var(--line); border-radius: 9px; box-shadow: 0 8px 28px rgb(0 0 0 / .35);
  font-size: 13px; overflow-wrap: anywhere; }
#tip[hidden] { display: none; }
#tip .head { font-weight: 650; margin-bottom: 3px; font-variant-numeric: tabular-nums; }
#tip .note { color: var(--dim); font-size: 12px; }
#tip .owner { margin-top: 4px; font-family: ui-monospace, "Cascadia Mono", Menlo, monospace; font-size: 12px; }
#tip i { display: inline-block; width: 10px; height: 10px; margin-right: 7px; border-radius: 3px; }
aside { width: 256px; padding: 12px 14px; overflow: auto; background: var(--panel); border-left: 1px solid var(--line); }
h2 { margin: 0 0 8px; font-size: 11px; font-weight: 650; letter-spacing: .09em; text-transform: uppercase; color: var(--dim); }
ul { list-style: none; margin: 0 0 14px; padding: 0; }
li button { position: relative; display: grid; grid-template-columns: 14px 1fr auto; gap: 0 9px; align-items: center; width: 100%;
  margin: 0 0 3px; padding: 6px 8px 9px; font: inherit; text-align: left; color: inherit; background: none; border: 0; border-radius: 7px; cursor: pointer; }
li button:hover { background: color-mix(in srgb, var(--glow) 13%, transparent); }
li button[aria-pressed=false] { opacity: .38; }
li i { width: 14px; height: 14px; border-radius: 4px; box-shadow: inset 0 0 0 1px rgb(128 128 128 / .35); }
li b { font-weight: 560; }
li span { font-variant-numeric: tabular-nums; }
li small { grid-column: 2 / 4; color: var(--dim); font-variant-numeric: tabular-nums; }
li u { position: absolute; left: 31px; bottom: 3px; height: 3px; max-width: calc(100% - 39px); min-width: 2px; border-radius: 2px; text-decoration: none; }
.warning { margin: 0 0 10px; padding: 8px 10px; border-left: 3px solid #f5a524; border-radius: 4px; background: color-mix(in srgb, #f5a524 12%, transparent); font-size: 12.5px; }
#keys { color: var(--dim); font-size: 12px; }
footer { display: flex; gap: 24px; padding: 5px 16px; min-height: 29px; font-size: 12px; color: var(--dim); background: var(--panel);
  border-top: 1px solid var(--line); font-variant-numeric: tabular-nums; }
#said { color: var(--ink); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
@media (max-width: 760px) { main { flex-direction: column; } aside { width: auto; max-height: 34%; border-left: 0; border-top: 1px solid var(--line); } input { width: 130px; } #summary { display: none; } }
`;
}
