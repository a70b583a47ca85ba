// What a report's script adds: lines that can be switched off, values under the pointer, zoom along the time or size
// axis. Without it the page is whole. Ours, and small: no package of Debian 12 has a chart library of this size
// (uPlot is npm's alone), and a build needs nothing but Debian's packages.
#include "study/results/report/html.hpp"

namespace xlate::study {

// Each chart is an svg with data-domain (from, to), data-unit and data-xunit; its .plot is a picture of 1000 by 1000
// that is cut to the domain. data-x and data-y have the values.
const char* const kScript = R"js(
'use strict';
(() => {
  const digits = v => { const a = Math.abs(v); return a >= 1000 ? Math.round(v).toLocaleString('en') : a >= 100 ? v.toFixed(0) : a >= 10 ? v.toFixed(1) : v.toFixed(2); };
  const units = {
    ns: v => v < 1e3 ? v.toFixed(0) + ' ns' : v < 1e6 ? (v / 1e3).toFixed(2) + ' us' : v < 1e9 ? (v / 1e6).toFixed(2) + ' ms' : (v / 1e9).toFixed(2) + ' s',
    rate: v => v >= 1e9 ? (v / 1e9).toFixed(2) + ' GB/s' : v >= 1e6 ? (v / 1e6).toFixed(1) + ' MB/s' : (v / 1e3).toFixed(1) + ' kB/s',
    share: v => (v * 100).toFixed(1) + ' %', count: digits };
  const list = (e, name) => (e.dataset[name] || '').split(',').map(s => s === '' ? null : +s);
  const button = (text, what, act) => { const b = document.createElement('button'); b.type = 'button'; b.textContent = text; b.setAttribute('aria-label', what.startsWith(text) ? what : text + ' ' + what); b.addEventListener('click', act); return b; };

  for (const figure of document.querySelectorAll('figure.chart')) {
    const name = figure.querySelector('h3').textContent;
    for (const item of figure.querySelectorAll('.legend li[data-line]')) {
      const toggle = button(item.textContent, item.textContent, () => {
        const on = toggle.getAttribute('aria-pressed') === 'true';
        toggle.setAttribute('aria-pressed', String(!on));
        for (const part of figure.querySelectorAll('svg [data-line="' + item.dataset.line + '"]')) part.classList.toggle('off', on);
      });
      toggle.setAttribute('aria-pressed', 'true');
      item.replaceChildren(toggle);
    }
    const svg = figure.querySelector('svg[data-domain]');
    if (!svg) continue;
    const plot = svg.querySelector('.plot'), cross = svg.querySelector('.cross'), zone = svg.querySelector('.zone');
    const whole = list(svg, 'domain'), left = +plot.getAttribute('x'), width = +plot.getAttribute('width');
    const log = svg.dataset.xscale === 'log', labels = svg.dataset.labels ? JSON.parse(svg.dataset.labels) : null;
    const xs = list(svg, 'x'), unit = units[svg.dataset.unit] || digits, xunit = units[svg.dataset.xunit] || digits;
    const text_x = x => labels ? (labels[Math.round(x)] ?? '') : xunit(log ? 10 ** x : x);
    let from = whole[0], to = whole[1];
    const show = (a, b) => {
      const least = (whole[1] - whole[0]) / 1e5 || 1e-9;
      if (b - a < least) return;
      from = Math.max(whole[0], a); to = Math.min(whole[1], b);
      const span = whole[1] - whole[0];
      plot.setAttribute('viewBox', (from - whole[0]) / span * 1000 + ' 0 ' + (to - from) / span * 1000 + ' 1000');
      for (const tick of svg.querySelectorAll('[data-at]')) {
        if (!labels) { tick.textContent = text_x(from + (to - from) * tick.dataset.at); continue; }
        const at = (+tick.dataset.place - from) / (to - from);
        tick.setAttribute('x', left + at * width); tick.style.display = at < -0.01 || at > 1.01 ? 'none' : '';
      }
      for (const dot of svg.querySelectorAll('[data-place][data-dot]')) {
        const at = (+dot.dataset.place - from) / (to - from);
        dot.setAttribute('cx', left + at * width); dot.style.display = at < -0.001 || at > 1.001 ? 'none' : '';
      }
    };
    const zoom = k => { const middle = (from + to) / 2, half = (to - from) / 2 * k; show(middle - half, middle + half); };
    const move = k => { const by = (to - from) * k; const a = Math.min(Math.max(from + by, whole[0]), whole[1] - (to - from)); show(a, a + (to - from)); };
    const tools = document.createElement('div');
    tools.className = 'tools';
    tools.append(button('+', 'Zoom in: ' + name, () => zoom(.5)), button('\u2212', 'Zoom out: ' + name, () => zoom(2)),
      button('\u2190', 'Earlier: ' + name, () => move(-.5)), button('\u2192', 'Later: ' + name, () => move(.5)), button('All', 'All of it: ' + name, () => show(whole[0], whole[1])));
    (svg.closest('.wide') || svg).after(tools);
    const readout = document.createElement('p');
    readout.className = 'readout';
    tools.after(readout);
    const place = event => { const box = svg.getBoundingClientRect(); return (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width; };
    const value = px => from + (px - left) / width * (to - from);
    let start = null;
    svg.addEventListener('pointerdown', event => { const px = place(event); if (event.pointerType === 'mouse' && px >= left && px <= left + width) { start = px; svg.setPointerCapture(event.pointerId); event.preventDefault(); } });
    svg.addEventListener('pointermove', event => {
      const px = Math.min(Math.max(place(event), left), left + width);
      if (start !== null) { zone.setAttribute('x', Math.min(start, px)); zone.setAttribute('width', Math.abs(px - start)); zone.style.visibility = 'visible'; }
      const at = value(px);
      cross.setAttribute('x1', px); cross.setAttribute('x2', px); cross.style.visibility = 'visible';
      let best = 0;
      xs.forEach((x, i) => { if (Math.abs(x - at) < Math.abs(xs[best] - at)) best = i; });
      const lines = [...svg.querySelectorAll('[data-y]:not(.off)')].map(line => { const y = list(line, 'y')[best]; return line.dataset.name + ' ' + (y === null ? '\u2013' : unit(y)); });
      readout.textContent = lines.length ? text_x(xs[best]) + ': ' + lines.join(', ') : text_x(at);
    });
    svg.addEventListener('pointerup', event => {
      if (start !== null) { const px = Math.min(Math.max(place(event), left), left + width); if (Math.abs(px - start) > 4) { const a = value(Math.min(start, px)), b = value(Math.max(start, px)); show(a, b); } }
      start = null; zone.style.visibility = 'hidden';
    });
    svg.addEventListener('pointerleave', () => { cross.style.visibility = 'hidden'; });
    svg.addEventListener('dblclick', () => show(whole[0], whole[1]));
  }
})();
)js";

}  // namespace xlate::study
