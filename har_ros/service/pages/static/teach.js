// Datasets, classes and clips: what makes, adds and erases them, and what is said of it where it was done.
import { ask, attach } from "./page.js";

const classes = document.getElementById("classes");

export function section(label) {
  return [...document.querySelectorAll(".class")].find((one) => one.dataset.class === label);
}

function lines(place) {
  return [...place.querySelectorAll("[role=status], [role=alert]")];
}

// Says what is wrong, in a form or a section; at the top of the page where there is none, or none any more.
export function complain(text, part) {
  const line = (part || document.body).querySelector("[role=alert]");
  line.textContent = text;
  line.scrollIntoView({ block: "nearest" });
}

export function hush() {
  for (const line of document.querySelectorAll("[role=alert]")) line.textContent = "";
}

async function refresh() {
  const html = await ask("GET", classes.dataset.address);
  const said = new Map([...classes.querySelectorAll(".class")].map((one) => [one.dataset.class, lines(one)]));
  classes.innerHTML = html;
  for (const one of classes.querySelectorAll(".class")) {
    for (const [place, line] of lines(one).entries()) line.textContent = said.get(one.dataset.class)?.[place].textContent ?? "";
  }
  document.dispatchEvent(new Event("classes"));
}

export async function addClips(label, files, group, say) {
  // Sends clips to a class, one after the other, and shows them. say: takes how far it is. Rejects with the sentences of
  // those that are refused.
  const address = section(label).dataset.address;
  const wrong = [];
  for (const [place, file] of files.entries()) {
    say(`Adding ${file.name}${files.length > 1 ? ` (${place + 1} of ${files.length})` : ""} …`);
    const form = new FormData();
    form.append("video", file);
    form.append("group", group);
    try {
      if (!file.size) throw new Error(`${file.name} is empty; choose another clip`);
      await ask("POST", `${address}/clips`, form);
    } catch (error) {
      wrong.push(error.message);
    }
  }
  const added = files.length - wrong.length;
  say(`${added} clip${added === 1 ? "" : "s"} added.`);
  await refresh().catch((error) => wrong.push(error.message));
  if (wrong.length) throw new Error(wrong.join("; "));
}

async function make(form) {
  const made = await ask("POST", form.dataset.make, { name: form.elements.name.value.trim() });
  if (form.dataset.then) return location.assign(form.dataset.then + encodeURIComponent(made.name));
  form.reset();
  return refresh();
}

async function erase(button) {
  if (button.dataset.sure && !confirm(button.dataset.sure)) return;
  const heading = button.closest(".clips") && button.closest(".class").dataset.class;
  await ask("DELETE", button.dataset.erase);
  if (button.dataset.then) return location.assign(button.dataset.then);
  await refresh();
  (section(heading)?.querySelector("h3") || document.getElementById("class")).focus();
}

async function guarded(part, work) {
  hush();
  const label = part?.dataset.class;
  try {
    await work();
  } catch (error) {
    if (classes) await refresh().catch(() => {}); // what is refused may have been changed elsewhere
    complain(error.message, label ? section(label) : part);
  }
}

function add(place, files) {
  const label = place.dataset.class;
  const say = (text) => {
    const line = section(label)?.querySelector("[role=status]");
    if (!line) return;
    line.textContent = text;
    line.scrollIntoView({ block: "nearest" });
  };
  hush();
  addClips(label, [...files], document.getElementById("group").value.trim(), say).catch((error) =>
    complain(error.message, section(label)),
  );
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-erase]");
  if (button) guarded(button.closest(".class"), () => erase(button));
});

document.addEventListener("change", (event) => {
  const place = event.target.closest(".class");
  if (place && event.target.type === "file") add(place, event.target.files);
});

for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // a browser would leave the page to show them
    const place = event.target.closest(".class");
    for (const one of document.querySelectorAll(".drop")) one.classList.toggle("over", name === "dragover" && place === one.closest(".class"));
    if (name === "drop" && place?.querySelector(".drop")) add(place, event.dataTransfer.files);
  });
}

for (const form of document.querySelectorAll("[data-make]")) attach(form, () => guarded(form, () => make(form)));
for (const one of document.querySelectorAll(".class button, .class input, [data-then]")) one.disabled = false;
