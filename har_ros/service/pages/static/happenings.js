// Lists of actions and of events, for the pages with cameras. Text comes from networks: it is only ever set as text.
const MOST_HAPPENINGS = 50;

// Show the best actions in a list, each with its score as a bar, of a person the best one. who: whose they are, empty for
// the whole image.
export function showActions(list, actions, who = "") {
  const rows = actions.slice(0, who ? 1 : 3).map(({ label, score }) => {
    const row = document.createElement("li");
    const bar = document.createElement("meter");
    bar.value = score;
    bar.setAttribute("aria-hidden", "true");
    row.append(`${who}${label} ${score.toFixed(2)}`, bar);
    return row;
  });
  if (!rows.length && !who) {
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
  const person = event.person ? `person ${event.person.split("_").pop()}: ` : "";
  const lasted = event.state === "ended" ? `, ${(event.end - event.start).toFixed(1)} s` : " …";
  row.textContent = `${clock} ${where}${person}${event.label}${lasted}`;
}
