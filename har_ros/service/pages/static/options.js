// The options of a job, and the request that makes one.
import { ask } from "./page.js";

// The options that a form gives, without those that stand at their defaults.
const READ = {
  choice: (input) => input.value,
  switch: (input) => input.checked,
  number: (input) => input.valueAsNumber,
  list: (input) => input.value.split(",").map((one) => one.trim()).filter(Boolean),
};

export function options(form) {
  const given = {};
  for (const input of form.querySelectorAll("[data-option]")) {
    const value = READ[input.dataset.option](input);
    if (JSON.stringify(value) !== JSON.stringify(JSON.parse(input.dataset.default))) given[input.name] = value;
  }
  return given;
}

export async function start(order) {
  // Makes a job. Resolves to its id, rejects with the server's sentence.
  return (await ask("POST", "/v1/jobs", order)).id;
}

function showClasses(select) {
  for (const one of select.parentElement.querySelectorAll("[data-network]")) one.hidden = one.dataset.network !== select.value;
}

for (const select of document.querySelectorAll("select[data-option]")) {
  select.addEventListener("change", () => showClasses(select));
  showClasses(select); // a browser may have restored another choice
}
