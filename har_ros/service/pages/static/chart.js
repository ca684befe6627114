// The classes that a network was surest of, over time, of the whole image or of a person.
import { clock } from "./page.js";

const section = document.getElementById("chart");
const plot = document.getElementById("plot");
const who = document.getElementById("who");
const video = document.querySelector("video");
const SHOWN = 5;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600]; // seconds between two marks
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4]]; // beside the colours, for those who do not see them
const dark = matchMedia("(prefers-color-scheme: dark)");
let windows = [];
let chart = null;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function leading(chosen) {
  // The labels with the most probability in all windows together.
  const sums = new Map();
  for (const { actions } of chosen) {
    for (const { label, score } of actions) sums.set(label, (sums.get(label) || 0) + score);
  }
  return [...sums.entries()].sort((a, b) => b[1] - a[1]).slice(0, SHOWN).map(([label]) => label);
}

function scores(chosen, label) {
  // null where a class was not among those that were said
  return chosen.map(({ actions }) => actions.find((action) => action.label === label)?.score ?? null);
}

function settings(labels) {
  const axis = { stroke: () => colour("--ink"), grid: { stroke: () => colour("--line") }, ticks: { show: false } };
  const series = labels.map((label, place) => ({
    label,
    stroke: () => colour(`--curve-${place}`),
    width: 2,
    dash: DASHES[place],
    value: (_, score) => (score === null ? "–" : score.toFixed(2)),
  }));
  return {
    width: plot.clientWidth,
    height: 240,
    scales: { x: { time: false, range: (_, first, last) => [0, Math.max(video.duration || 0, last)] }, y: { range: [0, 1] } },
    axes: [{ ...axis, incrs: STEPS, values: (_, times) => times.map((at) => clock(at).replace(".0", "")) }, { ...axis, size: 44 }],
    series: [{ label: "Time", value: (_, at) => (at === null ? "–" : clock(at)) }, ...series],
    cursor: { drag: { x: false, y: false } },
    hooks: { ready: [prepare], draw: [follow] },
  };
}

function describe(chosen, labels) {
  const highest = labels.map((label) => [label, Math.max(...scores(chosen, label))]).sort((a, b) => b[1] - a[1]);
  const said = highest.map(([label, score]) => `${label} ${score.toFixed(2)}`);
  const text = said.length ? `Probability in each window, drawn at its middle. Highest: ${said.join(", ")}.` : "Nothing was said of it.";
  document.getElementById("chart-text").textContent = text;
}

function draw() {
  const chosen = windows.filter((one) => (one.person || "") === who.value);
  const labels = leading(chosen);
  chart?.destroy();
  chart = null;
  describe(chosen, labels);
  if (!labels.length) return;
  const data = [chosen.map(({ start, end }) => (start + end) / 2), ...labels.map((label) => scores(chosen, label))];
  chart = new window.uPlot(settings(labels), data, plot);
}

function prepare({ over, cursor, posToVal }) {
  const now = document.createElement("div");
  now.className = "now";
  over.append(now);
  over.addEventListener("click", () => (video.currentTime = posToVal(cursor.left, "x")));
}

function follow() {
  const now = chart?.over.querySelector(".now");
  if (!now) return;
  now.style.left = `${chart.valToPos(video.currentTime, "x")}px`;
}

const answer = await fetch(section.dataset.result);
if (answer.ok) {
  windows = (await answer.json()).windows;
  section.hidden = windows.length === 0;
  draw();
  who.addEventListener("change", draw);
  dark.addEventListener("change", () => chart?.redraw(false, true));
  video.addEventListener("loadedmetadata", draw);
  video.addEventListener("timeupdate", follow);
  video.addEventListener("seeked", follow);
  new ResizeObserver(() => chart?.setSize({ width: plot.clientWidth, height: 240 })).observe(plot);
}
