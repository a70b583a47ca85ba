// How a report looks: light, dark, on a phone, printed. A test computes the contrast of every pair of colours that meet
// (tests/cli/report_access_test.cpp): 4.5 to 1 for text, 3 to 1 for lines and bars.
#include "study/results/report/html.hpp"

namespace xlate::study {

// --s0 to --s7: series, told apart also by readers who see few colours (after Okabe and Ito); --load0 to --load4: how
// busy something is, behind text.
const char* const kStyle = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5b6470; --line: #d5dae0; --paper: #ffffff; --bad: #b3261e; --good: #1a7f37; --link: #0a5bb5;
 --s0: #0072B2; --s1: #B45F06; --s2: #00795C; --s3: #C0392B; --s4: #2E86AB; --s5: #A0478B; --s6: #6E6E1E; --s7: #6A4C93;
 --load0: #eef3f8; --load1: #d3e6f5; --load2: #fde9b5; --load3: #fccf9f; --load4: #f7b3a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --dim: #9aa4b0; --line: #39414b; --paper: #14181d; --bad: #ff8a80; --good: #7ee29a; --link: #7db8ff;
 --s0: #56B4E9; --s1: #F0A83C; --s2: #3DCB9B; --s3: #FF8A65; --s4: #A7D8F5; --s5: #E79AC9; --s6: #D2D25A; --s7: #B79AF0;
 --load0: #202a35; --load1: #1d3d57; --load2: #4a3d12; --load3: #5a3413; --load4: #652521; } }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); } .s4 { --c: var(--s4); } .s5 { --c: var(--s5); } .s6 { --c: var(--s6); } .s7 { --c: var(--s7); }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0; }
main { max-width: 1120px; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
a { color: var(--link); } p.facts, .dim { color: var(--dim); } p { margin: .25rem 0; overflow-wrap: anywhere; } code { font: .9em ui-monospace, monospace; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1rem; list-style: none; padding: 0; } nav a { display: inline-block; padding: .25rem 0; }
.wide { overflow-x: auto; } .wide:focus-visible, summary:focus-visible, button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .75rem .2rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); font-weight: 400; }
.charts table { font-size: .82rem; } .charts th, .charts td { padding-right: .5rem; }
th.left, td.left { text-align: left; } thead th { color: var(--dim); font-weight: 600; white-space: normal; vertical-align: bottom; } td.long { white-space: normal; min-width: 16rem; }
tr.bad td, tr.bad th { color: var(--bad); } .bad { color: var(--bad); } .good { color: var(--good); }
ul.lines { padding-left: 1.2rem; margin: .25rem 0; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(460px, 100%), 1fr)); gap: 1.25rem; }
figure { margin: 0 0 1rem; min-width: 0; } figcaption p { font-size: .87rem; color: var(--dim); }
svg { max-width: 100%; height: auto; display: block; overflow: hidden; } .scroll svg { min-width: 720px; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .dim { fill: var(--dim); } svg .grid { stroke: var(--line); }
svg .line { stroke: var(--c); fill: none; stroke-width: 2; } svg .fill { fill: var(--c); } svg .band { fill: var(--c); opacity: .25; } svg .dash { stroke-dasharray: 6 4; }
svg .span { fill: var(--c); stroke: var(--c); stroke-width: 1; } svg .cross { stroke: var(--dim); visibility: hidden; } svg .zone { fill: var(--link); opacity: .2; visibility: hidden; }
svg .wire { stroke: var(--dim); fill: none; } svg .box { stroke: var(--dim); }
.load0 { fill: var(--load0); background: var(--load0); } .load1 { fill: var(--load1); background: var(--load1); } .load2 { fill: var(--load2); background: var(--load2); } .load3 { fill: var(--load3); background: var(--load3); } .load4 { fill: var(--load4); background: var(--load4); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .87rem; margin: .25rem 0; padding: 0; list-style: none; }
.legend li::before, .legend button::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: 2px; background: var(--c); }
.legend li.load::before { background: var(--paper); border: 0; width: 0; margin: 0; } .legend li.load span { padding: 0 .5em; border: 1px solid var(--dim); }
.legend li:has(button)::before { display: none; }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: 4px; padding: .1rem .5rem; cursor: pointer; } .legend button { border: 0; padding: .1rem 0; overflow-wrap: anywhere; text-align: left; }
.legend button[aria-pressed=false] { text-decoration: line-through; } .legend button[aria-pressed=false]::before { background: var(--line); }
.tools { display: flex; flex-wrap: wrap; gap: .35rem; font-size: .8rem; margin: .15rem 0; } .readout { font-size: .85rem; min-height: 1.3em; font-variant-numeric: tabular-nums; }
details { margin: .35rem 0; } summary { cursor: pointer; color: var(--link); } .off { display: none; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 1.25rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 520px) { main { margin: 1rem auto; padding: 0 .75rem; } th, td { padding-right: .5rem; } svg text { font-size: 14px; } .scroll svg text { font-size: 12px; } }
@media print { :root { color-scheme: light; --ink: #000000; --dim: #444444; --line: #bbbbbb; --paper: #ffffff; --bad: #8c1d18; --good: #14632b; --link: #000000;
 --s0: #0072B2; --s1: #B45F06; --s2: #00795C; --s3: #C0392B; --s4: #2E86AB; --s5: #A0478B; --s6: #6E6E1E; --s7: #6A4C93;
 --load0: #eef3f8; --load1: #d3e6f5; --load2: #fde9b5; --load3: #fccf9f; --load4: #f7b3a8; }
 * { print-color-adjust: exact; } main { max-width: none; margin: 0; padding: 0; } body { font-size: 10.5pt; } .wide { overflow: visible; } .scroll svg { min-width: 0; }
 figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } .tools, .readout, nav, details:not([open]) { display: none; } th, td { padding-right: .4rem; } th, td.left { white-space: normal; overflow-wrap: anywhere; } .charts table { font-size: 7pt; } .charts thead th:first-child { overflow-wrap: normal; } .charts { grid-template-columns: 1fr 1fr; } }
)";

}  // namespace xlate::study
