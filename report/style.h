// The style sheet and the script of report.html. The script shows values under the pointer; nothing is loaded.
#pragma once

namespace encore {

inline constexpr const char* kReportStyle = R"css(
:root{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--ink:#1c2330;--soft:#5d6778;--rule:#e3e6ec;
--c0:#2f6fde;--c1:#d9702b;--c2:#23936a;--c3:#c03f78;--c4:#7a58cf;--c5:#0e94a8;--c6:#a06a24;--c7:#6b7280}
@media(prefers-color-scheme:dark){:root{--page:#14171d;--card:#1c2129;--ink:#e6e9ef;--soft:#98a2b3;--rule:#303743;
--c0:#78a9ff;--c1:#f6a05c;--c2:#55c89b;--c3:#f083b0;--c4:#b39cf5;--c5:#4fcbdc;--c6:#d5a765;--c7:#a3acb9}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;overflow-wrap:break-word}
h2{font-size:17px;margin:34px 0 10px}
h3{font-size:14px;margin:0 0 6px;font-weight:600}
.sub{color:var(--soft);margin:0 0 20px;overflow-wrap:break-word}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:12px}
.tile .name{color:var(--soft);font-size:13px}
.tile .value{font-size:23px;font-weight:600;font-variant-numeric:tabular-nums}
.tile .value i{font-style:normal;font-weight:400;color:var(--soft);font-size:18px}
.tile .note{color:var(--soft);font-size:13px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:12px;margin-top:12px}
.chart{position:relative}.chart,.columns>.card{min-width:0}
svg{display:block;width:100%;height:auto;overflow:visible;touch-action:pan-y}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--soft);
font-variant-numeric:tabular-nums}
.charts svg text{font-size:15px}
@media(max-width:1000px){.wide>.roomy svg text{font-size:15px}}
.grid{stroke:var(--rule)}.axis{stroke:var(--soft);stroke-opacity:.6}
path{fill:none;stroke-linejoin:round;stroke-linecap:round}
.matrix rect{fill:var(--c0)}.matrix text.on{fill:var(--card)}.matrix text.off{fill:var(--ink)}
.matrix text{font-size:20px}.narrow{display:none}
.heat rect{fill:var(--c0)}.heat text{font-size:17px}.heat text.on{fill:var(--card)}.heat text.mid{fill:#1c2330}.heat text.off{fill:var(--ink)}
.line{stroke-width:2}.charts .line{stroke-width:2.4}.faint{stroke-width:1;stroke-opacity:.35}
.dotted{stroke-width:1.6;stroke-dasharray:1 5}.band{stroke:none;fill-opacity:.16}
.guide{stroke:var(--soft);stroke-dasharray:3 3}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:2px 0 8px;font-size:13px;color:var(--soft)}
.key{display:inline-flex;align-items:center;gap:7px}
.swatch{display:inline-block;width:18px;height:3px;border-radius:2px;flex:none}
.swatch.faint{opacity:.35}.swatch.dots{height:8px;width:8px;border-radius:50%}
.tip{position:absolute;pointer-events:none;background:var(--card);border:1px solid var(--rule);border-radius:7px;
padding:6px 10px;font-size:13px;box-shadow:0 4px 14px rgb(0 0 0/.16);white-space:nowrap;z-index:2;display:none;
font-variant-numeric:tabular-nums}
.tip b{font-weight:600}.tip div{display:flex;gap:8px;align-items:center}.tip span:last-child{margin-left:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}
th,td{text-align:left;padding:5px 18px 5px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--soft);font-weight:500;font-size:13px}
tr:last-child td{border-bottom:0}
td i{font-style:normal;color:var(--soft)}td.n,th.n{text-align:right;white-space:nowrap}td:last-child,th:last-child{padding-right:0}
.columns table{width:100%}.card .sub{margin:8px 0 0;font-size:13px}.card.after{margin-top:12px}td.in{padding-left:18px}
code{font:13px ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;white-space:nowrap}
.changed{font-weight:600}.none{color:var(--soft)}
details summary{cursor:pointer;color:var(--soft);margin:10px 0}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:12px}
@media(max-width:640px){main{padding:20px 12px 40px}h1{font-size:22px}.roomy{display:none}.narrow{display:block}}
@media screen and (max-width:900px){th,td{padding-right:10px}td.n,th.n{white-space:normal}}
@media screen and (max-width:700px){
.stack thead{display:none}.stack,.stack tbody,.stack tr,.stack td{display:block;width:100%}
.stack tr{padding:7px 0;border-bottom:1px solid var(--rule)}.stack tr:last-child{border-bottom:0}
.stack td,.stack td.n{display:flex;justify-content:space-between;gap:14px;border:0;padding:2px 0;text-align:right;
white-space:normal}.stack td:empty{display:none}
.stack td{flex-wrap:wrap}.stack td>span{margin-left:auto;min-width:0;overflow-wrap:break-word}.stack td:first-child>span{margin-left:0}
.stack td::before{content:attr(data-label);color:var(--soft);text-align:left;overflow-wrap:anywhere}
.stack td:first-child{display:block;text-align:left;font-weight:600}.stack td:first-child::before{content:none}}
h1,h2,h3{break-after:avoid}.card,tr{break-inside:avoid}
@media print{body{background:#fff}main{padding:0;max-width:none}.columns,.charts,.tiles{display:block}
.columns>.card{margin-bottom:12px}.tiles>.card,.charts>.card,.columns>.chart{display:inline-block;vertical-align:top;
width:49%;margin:0 1% 8px 0}.wide>.roomy svg text{font-size:15px}table{font-size:12px}th,td{padding-right:10px}}
)css";

inline constexpr const char* kReportScript = R"js(
const charts = JSON.parse(document.getElementById('data').textContent);
const make = (name, attributes) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  return node;
};
const nearest = (xs, x) => {
  let low = 0, high = xs.length - 1;
  while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] < x) low = middle; else high = middle; }
  return x - xs[low] < xs[high] - x ? low : high;
};
const text = v => v === null ? '–' : Number.isInteger(v) || Math.abs(v) >= 10000
  ? Math.round(v).toLocaleString('en-US') : String(v);
for (const svg of document.querySelectorAll('svg[data-chart]')) {
  const chart = charts[svg.dataset.chart], [x0, x1, left, right] = chart.x, [y0, y1, bottom, top] = chart.y;
  const scale = v => chart.log ? Math.log10(v) : v;
  const py = v => bottom + (scale(v) - scale(y0)) / (scale(y1) - scale(y0)) * (top - bottom);
  const px = v => left + (v - x0) / (x1 - x0) * (right - left);
  const layer = svg.querySelector('.hover'), card = svg.closest('.chart'), tip = card.querySelector('.tip');
  const hide = () => { layer.replaceChildren(); tip.style.display = 'none'; };
  const show = event => {
    const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) * chart.w / box.width;
    if (at < left - 4 || at > right + 4 || !chart.lines.length) return hide();
    const x = x0 + (at - left) / (right - left) * (x1 - x0);
    layer.replaceChildren();
    tip.replaceChildren();
    let step = null, rows = [];
    for (const line of chart.lines) {
      const i = nearest(line.x, x), far = Math.abs(px(line.x[i]) - px(x)) > 25;
      if (far || line.y[i] === null) continue;
      if (step === null) step = line.x[i];
      const y = py(line.y[i]);
      if (y >= top - 4 && y <= bottom + 4)
        layer.append(make('circle', {r: 4, cx: px(line.x[i]), cy: y, style: `fill:var(--c${line.colour})`}));
      const row = document.createElement('div'), swatch = document.createElement('span');
      swatch.className = 'swatch';
      swatch.style.background = `var(--c${line.colour})`;
      const name = document.createElement('span'), value = document.createElement('span');
      name.textContent = line.name;
      value.textContent = text(line.y[i]);
      row.append(swatch, name, value);
      rows.push(row);
    }
    if (step === null) return hide();
    layer.prepend(make('line', {class: 'guide', x1: px(step), x2: px(step), y1: top, y2: bottom}));
    const head = document.createElement('b');
    head.textContent = `${chart.xname} ${text(Math.round(step))}`;
    tip.append(head, ...rows);
    tip.style.display = 'block';
    const parent = card.getBoundingClientRect(), x_tip = event.clientX - parent.left;
    tip.style.left = `${x_tip > parent.width / 2 ? x_tip - tip.offsetWidth - 16 : x_tip + 16}px`;
    tip.style.top = `${Math.max(4, event.clientY - parent.top - tip.offsetHeight / 2)}px`;
  };
  svg.addEventListener('pointermove', show);
  svg.addEventListener('pointerdown', show);
  svg.addEventListener('pointerleave', hide);
}
)js";

}  // namespace encore
