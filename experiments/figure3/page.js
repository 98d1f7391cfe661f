"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const titleOf = (curve) => (curve.kind === "published" ? `${curve.title}, published` : curve.title);
const curves = [...data.curves, ...data.published];
const hidden = new Set();

// ---- small things -------------------------------------------------------------------------------------------------

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "circle", "line", "text", "rect", "clipPath"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function table(lines, style = "") {
  const [head, ...rows] = lines;
  const cell = (word) => {
    if (typeof word !== "string") return make("td", {}, word);
    return word.startsWith("`") ? make("td", {}, make("code", {}, word.replaceAll("`", ""))) : make("td", {}, word);
  };
  return make("table", { class: style }, make("tr", {}, ...head.map((word) => make("th", {}, word))),
    ...rows.map((row) => make("tr", {}, ...row.map(cell))));
}

function options(select, pairs, chosen) {
  const before = chosen ?? select.value;
  select.replaceChildren(...pairs.map(([value, words]) => make("option", { value }, words)));
  if (pairs.some(([value]) => value === before)) select.value = before;
}

// ---- curves -------------------------------------------------------------------------------------------------------

function pointsOf(curve, metric, picture) {
  if (curve.kind === "published") return picture ? [] : curve[metric];
  const values = picture ? curve.of_pictures[picture] : curve.means;
  return values ? values.bpp.map((bpp, i) => [bpp, values[metric][i], curve.settings[i]]) : [];
}

function isShown(curve, metric) {
  return !hidden.has(curve.id) && (curve.kind !== "published" || data.optimised_for[metric].includes(curve.optimised_for));
}

const tip = make("div", { id: "tip" });
document.body.append(tip);

function tell(event, words) {
  tip.textContent = words;
  tip.style.display = "block";
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${event.clientY + 14}px`;
}

function range(lists) {
  const inside = lists.flat().filter(([bpp]) => bpp <= data.max_bpp).map(([, value]) => value);
  const [low, high] = inside.length ? [Math.min(...inside), Math.max(...inside)] : [0, 1];
  return [Math.floor(low), Math.ceil(high)];
}

function draw(metric) {
  const [width, height, left, bottom, pad] = [600, 460, 44, 40, 10];
  const picture = at("of").value, shown = curves.filter((curve) => isShown(curve, metric));
  const lists = shown.map((curve) => pointsOf(curve, metric, picture));
  const [low, high] = range(lists), log = at("log").checked, first = log ? 0.08 : 0;
  const scale = log ? Math.log : (x) => x;
  const part = (bpp) => (scale(bpp) - scale(first)) / (scale(data.max_bpp) - scale(first));
  const x = (bpp) => left + part(bpp) * (width - left - pad);
  const y = (value) => pad + (high - value) / (high - low) * (height - bottom - pad);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": data.metrics[metric] });
  const clip = make("rect", { x: left, y: pad, width: width - left - pad, height: height - bottom - pad });
  svg.append(make("clipPath", { id: `clip_${metric}` }, clip));
  for (const bpp of log ? [0.1, 0.2, 0.3, 0.5, 1, 2] : [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]) {
    svg.append(make("line", { class: "grid", x1: x(bpp), x2: x(bpp), y1: pad, y2: height - bottom }));
    svg.append(make("text", { x: x(bpp), y: height - bottom + 16, "text-anchor": "middle" }, `${bpp}`));
  }
  for (let value = low; value <= high; value += high - low > 12 ? 2 : 1) {
    svg.append(make("line", { class: "grid", x1: left, x2: width - pad, y1: y(value), y2: y(value) }));
    svg.append(make("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, `${value}`));
  }
  svg.append(make("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, "bits per pixel"));
  svg.append(make("text", { x: left + 6, y: pad + 14 }, data.metrics[metric]));
  const inside = make("g", { "clip-path": `url(#clip_${metric})` });
  svg.append(inside);
  shown.forEach((curve, i) => drawCurve(inside, curve, lists[i], metric, x, y));
  at(metric).replaceChildren(svg);
}

function drawCurve(parent, curve, points, metric, x, y) {
  const colour = data.colours[curve.id], ideal = curve.kind === "ideal" || curve.ideal;
  const dash = ideal ? "2 3" : curve.kind === "published" ? "6 4" : "";
  if (at("every").checked && curve.kind === "coded") {
    for (const values of Object.values(curve.of_pictures)) {
      values.bpp.forEach((bpp, i) => parent.append(
        make("circle", { cx: x(bpp), cy: y(values[metric][i]), r: 1.3, fill: colour, opacity: 0.35 })));
    }
  }
  const path = points.map(([bpp, value], i) => `${i ? "L" : "M"}${x(bpp).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const stroke = curve.ours ? 2.6 : curve.kind === "published" ? 1.1 : 1.6;
  parent.append(make("path", { d: path, fill: "none", stroke: colour, "stroke-width": stroke, "stroke-dasharray": dash }));
  for (const [bpp, value, setting] of points) {
    const dot = make("circle", { cx: x(bpp), cy: y(value), r: curve.kind === "published" ? 2 : 3.2,
      fill: ideal ? "#fff" : colour, stroke: colour });
    const words = `${titleOf(curve)}\n${bpp.toFixed(3)} bpp, ${value.toFixed(2)} dB` +
      (setting === undefined ? "" : `\n${curve.setting_name} ${setting}`);
    dot.addEventListener("pointermove", (event) => tell(event, words));
    dot.addEventListener("pointerleave", () => { tip.style.display = "none"; });
    parent.append(dot);
  }
}

function drawAll() {
  Object.keys(data.metrics).forEach(draw);
}

function legend() {
  at("legend").replaceChildren(...curves.map((curve) => {
    const box = make("input", { type: "checkbox", checked: "" });
    box.addEventListener("change", () => { hidden[box.checked ? "delete" : "add"](curve.id); drawAll(); });
    const partial = curve.n_pictures < curve.n_pictures_wanted ? ` (${curve.n_pictures} of ${curve.n_pictures_wanted})` : "";
    return make("label", {}, box, make("span", { style: `color:${data.colours[curve.id]}` }, " ● "), titleOf(curve) + partial);
  }));
}

// ---- pictures -----------------------------------------------------------------------------------------------------

const ORIGINAL = "original";
let place = [0.5, 0.5], kept = false;

function sampleOf() {
  return data.samples.find((sample) => sample.picture === at("picture").value);
}

function decodedOf(curve) {
  return sampleOf().decoded.find((one) => one.curve === curve && `${one.target_bpp}` === at("rate").value);
}

function showSide(side) {
  const curve = at(side).value, one = curve === ORIGINAL ? null : decodedOf(curve);
  const image = at(`${side}_image`);
  image.src = one ? one.path : curve === ORIGINAL ? sampleOf().original : "";
  const words = one && `${one.bpp.toFixed(3)} bpp, PSNR ${one.psnr_db.toFixed(2)} dB, MS-SSIM ${one.ms_ssim_db.toFixed(2)} dB`;
  const title = curve === ORIGINAL ? "original" : titleOf(curves.find((c) => c.id === curve));
  at(`${side}_words`).textContent = curve === ORIGINAL ? title : `${title}: ${words ?? "no file near this rate"}`;
  image.onload = () => { fit(image); magnify(); };
}

function fit(image) {
  const width = Math.min(768, 640 * image.naturalWidth / image.naturalHeight);
  for (const id of ["view", "slider"]) at(id).style.maxWidth = `${width}px`;
}

function split() {
  const percent = at("slider").value;
  at("right_image").style.clipPath = `inset(0 0 0 ${percent}%)`;
  at("edge").style.left = `${percent}%`;
}

function magnify() {
  const zoom = Number(at("zoom").value);
  for (const side of ["left", "right"]) {
    const image = at(`${side}_image`), lens = at(`${side}_lens`), pen = lens.getContext("2d");
    pen.clearRect(0, 0, lens.width, lens.height);
    if (!image.naturalWidth) continue;
    const [w, h] = [lens.width / zoom, lens.height / zoom];
    const corner = (part, whole, size) => Math.round(Math.min(Math.max(part * whole - size / 2, 0), Math.max(whole - size, 0)));
    const [px, py] = [corner(place[0], image.naturalWidth, w), corner(place[1], image.naturalHeight, h)];
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image, px, py, w, h, 0, 0, lens.width, lens.height);
    const shown = image.clientWidth / image.naturalWidth;
    Object.assign(at("frame").style, { display: "block", left: `${px * shown}px`, top: `${py * shown}px`,
      width: `${w * shown}px`, height: `${h * shown}px` });
  }
}

function compare() {
  if (!data.samples.length) { at("compare").remove(); return; }
  const coded = data.curves.filter((curve) => curve.kind === "coded");
  const rates = [...new Set(data.samples.flatMap((s) => s.decoded.map((one) => one.target_bpp)))];
  options(at("picture"), data.samples.map((sample) => [sample.picture, sample.picture]));
  options(at("rate"), rates.map((rate) => [`${rate}`, `${rate}`]), `${rates[0]}`);
  const sides = [[ORIGINAL, "original"], ...coded.map((curve) => [curve.id, titleOf(curve)])];
  options(at("left"), sides, ORIGINAL);
  options(at("right"), sides, (coded.find((curve) => curve.ours) ?? coded[0])?.id);
  const both = () => { showSide("left"); showSide("right"); };
  ["picture", "rate", "left", "right"].forEach((id) => at(id).addEventListener("change", both));
  at("slider").addEventListener("input", split);
  at("zoom").addEventListener("change", magnify);
  const follow = (event) => {
    const box = at("view").getBoundingClientRect();
    place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    magnify();
  };
  at("view").addEventListener("pointermove", (event) => { if (!kept) follow(event); });
  at("view").addEventListener("click", (event) => { kept = !kept; if (kept) follow(event); });
  both();
  split();
}

// ---- tables -------------------------------------------------------------------------------------------------------

function bdTable() {
  const metric = at("bd_metric").value;
  const entries = data.bd_words.filter((entry) => entry.metric === metric);
  const named = (id) => titleOf(curves.find((curve) => curve.id === id));
  const anchors = curves.filter((curve) => entries.some((entry) => entry.anchor === curve.id));
  const tested = data.curves.filter((curve) => entries.some((entry) => entry.tested === curve.id));
  const cell = (row, column) => {
    const entry = entries.find((one) => one.tested === row.id && one.anchor === column.id);
    if (!entry) return "";
    const isNumber = entry.pchip.includes("%");
    return make("span", { title: isNumber ? `${named(row.id)} against ${named(column.id)}` : entry.pchip },
      isNumber ? entry.pchip : "–", make("small", {}, entry.cubic.includes("%") ? entry.cubic : "–"));
  };
  at("bd").replaceChildren(table([["row against column", ...anchors.map((curve) => named(curve.id))],
    ...tested.map((row) => [named(row.id), ...anchors.map((column) => cell(row, column))])]));
}

function start() {
  at("title").textContent = data.figure;
  const note = data.stand_in ? ` (${data.stand_in}: not to be compared with published numbers)` : "";
  at("about").replaceChildren(`${data.data}${note}, ${data.pictures.length} pictures. Made by `, make("code", {}, data.command),
    ". Each measured point is the mean over pictures at one setting, of files that were written, read back and decoded " +
    "to 8 bits; MS-SSIM in dB is that of the mean. Dashed: published. Dotted: ideal, the KL of an exact posterior sample as the rate.");
  if (data.stand_in) at("about").className = "warn";
  options(at("of"), [["", "the mean"], ...data.pictures.map((name) => [name, name])]);
  options(at("bd_metric"), Object.entries(data.metrics).map(([id, words]) => [id, words.split(" ")[0]]), "psnr_db");
  ["of", "every", "log"].forEach((id) => at(id).addEventListener("change", drawAll));
  at("bd_metric").addEventListener("change", bdTable);
  legend();
  drawAll();
  compare();
  at("quality").replaceChildren(table(data.quality_lines));
  bdTable();
  at("sources").replaceChildren(table(data.source_lines, "text"));
  const missing = Object.entries(data.not_run).map(([id, reason]) => make("p", {}, `${id}: not run: ${reason}`));
  at("not_run").replaceChildren(...missing);
}

start();
