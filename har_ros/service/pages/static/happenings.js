// Lists of actions and of events, for the pages with cameras. Text comes from networks: it is only ever set as text.
import { who } from "./page.js";

const MOST_HAPPENINGS = 50;
const RUNNING = " …"; // after an event that has not ended

// Show the best actions in a list, each with its score as a bar, of a person the best one. whose: empty for the whole
// image.
export function showActions(list, actions, whose = "") {
  const rows = actions.slice(0, whose ? 1 : 3).map(({ label, score }) => {
    const row = document.createElement("li");
    const bar = document.createElement("meter");
    bar.value = score;
    bar.setAttribute("aria-hidden", "true");
    row.append(`${whose}${label} ${score.toFixed(2)}`, bar);
    return row;
  });
  if (!rows.length && !whose) {
    const row = document.createElement("li");
    row.className = "faint";
    row.textContent = "nothing recognised";
    rows.push(row);
  }
  list.append(...rows);
}

// Note that an event began or ended: a new line, or a change of the line that it has. where: the camera, or empty.
export function noteEvent(list, event, where, clock) {
  if (event.state === "going_on") return;
  let row = [...list.children].find((one) => one.dataset.event === event.id);
  if (!row) {
    row = document.createElement("li");
    row.dataset.event = event.id;
    list.prepend(row);
    while (list.children.length > MOST_HAPPENINGS) list.lastChild.remove();
  }
  const person = event.person ? `${who(event.person)}: ` : "";
  const lasted = event.state === "ended" ? `, ${(event.end - event.start).toFixed(1)} s` : RUNNING;
  row.textContent = `${clock} ${where}${person}${event.label}${lasted}`;
}

// Say of no event any more that it goes on: its end may have been missed.
export function forgetRunning(list) {
  for (const row of list.children) {
    if (row.textContent.endsWith(RUNNING)) row.textContent = row.textContent.slice(0, -RUNNING.length);
  }
}
