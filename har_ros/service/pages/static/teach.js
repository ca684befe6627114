// Datasets, classes and clips: what makes, adds and erases them.
import { ask, renew } from "./page.js";

const problem = document.getElementById("problem") || document.getElementById("said");
const classes = document.getElementById("classes");
const adding = document.getElementById("adding");

export function complain(text) {
  problem.textContent = text;
}

export async function refresh() {
  await renew(classes, classes.dataset.address);
  document.dispatchEvent(new Event("classes"));
}

export async function addClips(address, files) {
  // Sends clips to a class, one after the other, and shows them. Rejects with the sentences of those that are refused.
  const group = document.getElementById("group").value.trim();
  const wrong = [];
  for (const [place, file] of [...files].entries()) {
    adding.textContent = `Adding ${file.name}${files.length > 1 ? ` (${place + 1} of ${files.length})` : ""} …`;
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
  adding.textContent = `${added} clip${added === 1 ? "" : "s"} added.`;
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
  const place = [...document.querySelectorAll(".class")].find((one) => one.dataset.class === heading);
  (place?.querySelector("h3") || document.getElementById("class")).focus();
}

async function guarded(work) {
  complain("");
  try {
    await work();
  } catch (error) {
    complain(error.message);
    if (classes) await refresh().catch(() => {}); // what is refused may have been changed elsewhere
  }
}

function add(place, files) {
  complain("");
  addClips(place.dataset.address, files).catch((error) => complain(error.message));
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.make) return;
  event.preventDefault();
  guarded(() => make(event.target));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-erase]");
  if (button) guarded(() => erase(button));
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
    if (name === "drop" && place) add(place, event.dataTransfer.files);
  });
}
