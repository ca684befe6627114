// Timelines of what was found, which follow the page's video and lead it. What they show stands in tables beside them.
import { clock, who } from "./page.js";

const video = document.querySelector("video"); // none while a job runs
const HUES = 8; // of style.css
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600]; // seconds between two marks
const MARK = 40; // pixels that the time at a mark needs
const hues = new Map();

function hue(label) {
  if (!hues.has(label)) hues.set(label, hues.size % HUES);
  return hues.get(label);
}

function seek(seconds) {
  video.currentTime = Math.max(0, Math.min(seconds, Number.isFinite(video.duration) ? video.duration : seconds));
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function read(row) {
  const { label, person, start, end, name } = row.dataset;
  return { row, label, person, name, start: Number(start), end: Number(end) };
}

function lanes(spans) {
  // Puts spans that overlap below each other. Returns the spans of each lane.
  const found = [];
  for (const span of spans) {
    const free = found.find((lane) => lane.at(-1).end <= span.start);
    if (free) free.push(span);
    else found.push([span]);
  }
  return found;
}

class Timeline {
  constructor(section) {
    this.box = section.querySelector(".timeline");
    this.spans = [...section.querySelectorAll("tr[data-start]")].map(read);
    this.people = [...section.querySelectorAll("li[data-person]")].map(read);
    this.name = section.dataset.found || "whole image";
    this.now = element("div", "now");
    this.draw();
    if (!video) return;
    this.box.addEventListener("pointerdown", (event) => this.point(event));
    this.box.addEventListener("pointermove", (event) => event.buttons === 1 && this.point(event));
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  get seconds() {
    const ends = [...this.spans, ...this.people].map((one) => one.end);
    return Number.isFinite(video?.duration) ? video.duration : Math.max(1, ...ends);
  }

  draw() {
    this.box.replaceChildren();
    this.row(this.name, this.spans.filter((span) => !span.person));
    for (const one of this.people) {
      const spans = this.spans.filter((span) => span.person === one.person);
      this.row(one.name, spans, one);
    }
    this.marks();
    if (!video) return;
    this.box.append(this.now);
    this.box.ariaValueMax = this.seconds.toFixed(1);
    this.follow();
  }

  row(name, spans, presence = null) {
    this.box.append(element("div", "who", name));
    const drawn = lanes(spans);
    for (const lane of drawn.length ? drawn : [[]]) {
      const line = element("div", "lane");
      if (presence) line.append(this.place(element("div", "presence"), presence));
      for (const span of lane) {
        const bar = this.place(element("div", `span hue-${hue(span.label)}`, span.label), span);
        bar.title = `${clock(span.start)} to ${clock(span.end)}: ${span.label}`;
        line.append(bar);
      }
      this.box.append(line);
    }
  }

  place(made, { start, end }) {
    made.style.left = `${(100 * start) / this.seconds}%`;
    made.style.width = `${(100 * (end - start)) / this.seconds}%`;
    return made;
  }

  marks() {
    const line = element("div", "marks");
    const step = STEPS.find((one) => this.seconds / one <= this.box.clientWidth / 70) || 7200;
    const last = this.seconds * (1 - MARK / this.box.clientWidth);
    for (let at = 0; at < last; at += step) {
      const mark = element("span", "", clock(at).replace(/\.\d$/, ""));
      mark.style.left = `${(100 * at) / this.seconds}%`;
      line.append(mark);
    }
    this.box.append(line);
  }

  follow() {
    const at = video.currentTime;
    this.now.style.left = `${Math.min(100, (100 * at) / this.seconds)}%`;
    const current = this.spans.filter((span) => span.start <= at && at < span.end);
    for (const span of this.spans) span.row.classList.toggle("current", current.includes(span));
    const said = current.map((span) => `${who(span.person)} ${span.label}`.trim());
    this.box.ariaValueNow = at.toFixed(1);
    this.box.ariaValueText = [clock(at), ...said].join(", ");
  }

  point(event) {
    const { left, width } = this.box.getBoundingClientRect();
    seek((this.seconds * (event.clientX - left)) / width);
  }

  key(event) {
    const at = video.currentTime;
    const starts = this.spans.map((span) => span.start);
    const to = {
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      PageDown: Math.min(...starts.filter((start) => start > at + 0.05), this.seconds),
      PageUp: Math.max(...starts.filter((start) => start < at - 0.05), 0),
      Home: 0,
      End: this.seconds,
    }[event.key];
    if (event.key === " ") video.paused ? video.play() : video.pause();
    else if (to === undefined) return;
    else seek(to);
    event.preventDefault();
  }
}

let timelines = [];

export function draw() {
  timelines = [...document.querySelectorAll("[data-found]")].map((section) => new Timeline(section));
}

function redraw() {
  for (const timeline of timelines) timeline.draw();
}

function follow() {
  for (const timeline of timelines) timeline.follow();
}

function tick() {
  follow();
  if (!video.paused) requestAnimationFrame(tick);
}

draw();
window.addEventListener("resize", redraw);
video?.addEventListener("play", tick);
for (const name of ["timeupdate", "seeked"]) video?.addEventListener(name, follow);
for (const name of ["loadedmetadata", "durationchange"]) video?.addEventListener(name, redraw);
document.addEventListener("click", (event) => {
  const jump = event.target.closest("[data-time]");
  if (jump) seek(Number(jump.dataset.time));
});
