// Finds classes among those of all networks.
const search = document.getElementById("search");
const found = document.getElementById("found");

search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  let count = 0;
  for (const model of document.querySelectorAll(".model")) {
    let here = 0;
    for (const label of model.querySelectorAll("li")) {
      label.hidden = !label.textContent.toLowerCase().includes(wanted);
      here += label.hidden ? 0 : 1;
    }
    count += here;
    model.hidden = here === 0 && wanted !== "";
    const classes = model.querySelector("details");
    if (classes) classes.open = wanted !== "";
  }
  found.textContent = wanted ? `${count} class${count === 1 ? "" : "es"}${count ? "" : ": no network here knows it; teach one"}` : "";
});
