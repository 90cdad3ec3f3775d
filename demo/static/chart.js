// The live chart: what the server pushes on "/load", drawn by hand on a canvas.

import { byId, h } from "./dom.js";

/** Milliseconds the chart shows: at most, and while there are only a few samples yet. */
const SPAN = 60_000;
const SHORT_SPAN = 15_000;
/** How far its right edge is behind the newest sample, so that the line can glide there. */
const BEHIND = 1100;
/** Samples further apart than this are not joined by a line. */
const TORN = 3500;
const KEPT = 120;
/** Milliseconds from one picture to the next: smooth enough for a line that creeps. */
const FRAME = 30;
/** A closed drawer counts as out of sight. */
const VISIBLE = { visibilityProperty: true };

const METRICS = [
  { key: "cpu", label: "CPU", unit: "%", floor: 2 },
  { key: "memory", label: "Memory", unit: "MB", floor: 40 },
  { key: "said", label: "Messages", unit: "/s", floor: 4 },
  { key: "late", label: "Loop delay", unit: "ms", floor: 4 },
];

const still = matchMedia("(prefers-reduced-motion: reduce)");

const show = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toString());

/** The next of 1, 2, 5, 10, 20, 50, ... from `value` up. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

export class LoadChart {
  #samples = [];
  #metric = METRICS[0];
  #canvas = byId("load-canvas");
  #tip = byId("load-tip");
  #tiles = new Map();
  /** Server's clock minus this page's, in milliseconds. */
  #ahead = null;
  /** What the axes reach, on their way to what they should. */
  #top = METRICS[0].floor;
  #span = SHORT_SPAN;
  #pointer = null;
  #colours = {};

  constructor(socket) {
    for (const metric of METRICS) this.#addTile(metric);
    this.#choose(this.#metric);
    socket.on("history", (samples) => this.#begin(samples));
    socket.on("sample", (sample) => this.#take(sample));
    this.#canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#canvas.addEventListener("pointerleave", () => this.#point(null));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColours());
    this.#readColours();
    let drawnAt = 0;
    const frame = (now) => {
      requestAnimationFrame(frame);
      if (still.matches || now - drawnAt < FRAME || this.#canvas.checkVisibility?.(VISIBLE) === false) return;
      drawnAt = now;
      this.#draw();
    };
    requestAnimationFrame(frame);
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  #addTile(metric) {
    const value = h("b", {}, "–");
    const tile = h("button", { type: "button", className: "tile", "data-metric": metric.key },
      h("span", {}, metric.label), value, " ", h("small", {}, metric.unit));
    tile.addEventListener("click", () => this.#choose(metric));
    this.#tiles.set(metric.key, { tile, value });
    byId("load-tiles").append(tile);
  }

  #choose(metric) {
    this.#metric = metric;
    for (const [key, { tile }] of this.#tiles) tile.setAttribute("aria-pressed", String(key === metric.key));
    this.#top = this.#wantedTop();
    this.#describe();
    this.#draw();
  }

  #begin(samples) {
    this.#samples = [];
    this.#ahead = null;
    samples.forEach((sample) => this.#samples.push(sample));
    if (samples.length) this.#take(this.#samples.pop());
  }

  #take(sample) {
    this.#samples.push(sample);
    if (this.#samples.length > KEPT) this.#samples.shift();
    // The sample that was fastest on its way tells best how the two clocks differ.
    this.#ahead = Math.max(this.#ahead ?? -Infinity, sample.at - Date.now());
    for (const { key } of METRICS) this.#tiles.get(key).value.textContent = show(sample[key]);
    const pages = `${sample.pages} page${sample.pages === 1 ? "" : "s"}`;
    byId("load-foot").textContent = `Pushed once a second to ${pages}, ${sample.people} in the chat`;
    if (this.#samples.length % 10 === 0) this.#describe();
    if (still.matches) this.#draw();
  }

  #describe() {
    const values = this.#samples.map((sample) => sample[this.#metric.key]);
    const { label, unit } = this.#metric;
    const words = values.length
      ? `${label} over the last minute: now ${show(values.at(-1))} ${unit}, at most ${show(Math.max(...values))} ${unit}`
      : `${label} over the last minute`;
    this.#canvas.setAttribute("aria-label", words);
  }

  #wantedTop() {
    const values = this.#samples.map((sample) => sample[this.#metric.key]);
    return roundUp(Math.max(this.#metric.floor, ...values.map((value) => value * 1.1)));
  }

  #wantedSpan() {
    const covered = (this.#samples.at(-1)?.at ?? 0) - (this.#samples[0]?.at ?? 0);
    return Math.min(SPAN, Math.max(SHORT_SPAN, covered));
  }

  #readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["line", "accent", "ink-soft", "surface"]) {
      this.#colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
    this.#draw();
  }

  #point(x) {
    this.#pointer = x;
    if (still.matches) this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    const scale = devicePixelRatio || 1;
    if (this.#canvas.width !== Math.round(width * scale) || this.#canvas.height !== Math.round(height * scale)) {
      this.#canvas.width = Math.round(width * scale);
      this.#canvas.height = Math.round(height * scale);
    }
    const pen = this.#canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const wanted = this.#wantedTop();
    this.#top += still.matches ? wanted - this.#top : (wanted - this.#top) * 0.12;
    const wantedSpan = this.#wantedSpan();
    this.#span += still.matches ? wantedSpan - this.#span : (wantedSpan - this.#span) * 0.06;
    const end = Date.now() + (this.#ahead ?? 0) - BEHIND;
    const box = {
      width, height,
      x: (at) => width * (1 - (end - at) / this.#span),
      y: (value) => height - 4 - (height - 20) * (value / this.#top),
    };
    this.#drawGrid(pen, box, wanted);
    for (const piece of this.#pieces(end)) this.#drawPiece(pen, box, piece);
    this.#drawPointer(pen, box, end);
  }

  #drawGrid(pen, box, top) {
    pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    pen.lineWidth = 1;
    for (const part of [0, 0.5, 1]) {
      const y = Math.round(box.y(top * part)) + 0.5;
      pen.strokeStyle = this.#colours.line;
      pen.beginPath();
      pen.moveTo(0, y);
      pen.lineTo(box.width, y);
      pen.stroke();
      if (part === 0) continue;
      pen.fillStyle = this.#colours["ink-soft"];
      pen.fillText(`${+(top * part).toFixed(1)} ${this.#metric.unit}`, 2, Math.max(y - 4, 10));
    }
  }

  /** The samples on show, cut where some are missing; the last one ends at the right edge. */
  #pieces(end) {
    const shown = [];
    let piece = [];
    for (const sample of this.#samples) {
      if (sample.at < end - this.#span - TORN) continue;
      if (piece.length && sample.at - piece.at(-1).at > TORN) {
        shown.push(piece);
        piece = [];
      }
      piece.push({ at: sample.at, value: sample[this.#metric.key] });
    }
    if (piece.length) shown.push(piece);
    return shown.map((points) => cutAt(points, end)).filter((points) => points.length > 1);
  }

  #drawPiece(pen, box, points) {
    const spots = points.map(({ at, value }) => [box.x(at), box.y(value)]);
    const trace = () => {
      pen.beginPath();
      pen.moveTo(...spots[0]);
      for (let i = 1; i < spots.length; i += 1) {
        const [x, y] = spots[i];
        const [x0, y0] = spots[i - 1];
        const middle = (x0 + x) / 2;
        pen.bezierCurveTo(middle, y0, middle, y, x, y);
      }
    };
    const [lastX, lastY] = spots.at(-1);
    trace();
    pen.lineTo(lastX, box.height);
    pen.lineTo(spots[0][0], box.height);
    const fill = pen.createLinearGradient(0, 0, 0, box.height);
    fill.addColorStop(0, `color-mix(in srgb, ${this.#colours.accent} 38%, transparent)`);
    fill.addColorStop(1, `color-mix(in srgb, ${this.#colours.accent} 3%, transparent)`);
    pen.fillStyle = fill;
    pen.fill();
    trace();
    pen.strokeStyle = this.#colours.accent;
    pen.lineWidth = 2;
    pen.lineJoin = "round";
    pen.stroke();
    pen.beginPath();
    pen.arc(Math.min(lastX, box.width - 4), lastY, 3.5, 0, 7);
    pen.fillStyle = this.#colours.accent;
    pen.fill();
  }

  #drawPointer(pen, box, end) {
    const at = this.#pointer === null ? null : end - this.#span * (1 - this.#pointer / box.width);
    const near = at === null ? [] : this.#samples.filter((sample) => Math.abs(sample.at - at) < 1000 && sample.at <= end);
    this.#tip.hidden = near.length === 0;
    if (!near.length) return;
    const sample = near.reduce((a, b) => (Math.abs(a.at - at) < Math.abs(b.at - at) ? a : b));
    const [x, y] = [box.x(sample.at), box.y(sample[this.#metric.key])];
    pen.strokeStyle = this.#colours["ink-soft"];
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, box.height);
    pen.stroke();
    pen.beginPath();
    pen.arc(x, y, 4, 0, 7);
    pen.fillStyle = this.#colours.surface;
    pen.fill();
    pen.strokeStyle = this.#colours.accent;
    pen.lineWidth = 2;
    pen.stroke();
    const ago = Math.round((end - sample.at) / 1000);
    this.#tip.textContent = `${show(sample[this.#metric.key])} ${this.#metric.unit}, ${ago} s ago`;
    this.#tip.style.left = `${Math.min(Math.max(x, 60), box.width - 60)}px`;
  }
}

/** Points up to a moment; one put between its neighbours lies exactly there. */
function cutAt(points, end) {
  const next = points.findIndex((point) => point.at > end);
  if (next < 0) return points;
  if (next === 0) return [];
  const [a, b] = [points[next - 1], points[next]];
  const part = (end - a.at) / (b.at - a.at);
  return [...points.slice(0, next), { at: end, value: a.value + (b.value - a.value) * part }];
}
