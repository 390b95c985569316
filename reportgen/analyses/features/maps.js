// Feature maps: projections, patches or both; a map enlarged to its nine; from map to map and layer to layer by arrow keys.
"use strict";
{
  const BESIDE = 3; // a sheet has nine tiles as 3 x 3
  const PARTS = { both: "projections and patches", projections: "projections", patches: "patches" };
  const figures = [...document.querySelectorAll(".figure.FeatureMaps")];
  const mapsOf = (figure) => [...figure.querySelectorAll(".map")];
  let shown = null; // the map in the viewer

  /** The map beside this one (left, right) or at the same place of the section's next layer (up, down). */
  function neighbour(map, [across, down]) {
    const figure = map.closest(".figure");
    const at = mapsOf(figure).indexOf(map);
    if (across) return mapsOf(figure)[at + across];
    const layers = figures.filter((other) => other.closest("section") === figure.closest("section"));
    const other = layers[layers.indexOf(figure) + down];
    return other && (mapsOf(other)[at] ?? mapsOf(other).at(-1));
  }

  function titleOf(map) {
    return `${map.closest(".figure").dataset.title}, map ${map.dataset.map}`;
  }

  /** The viewer: one dialog for all maps. */
  const heading = make("h2", { id: "viewer-title" });
  const note = make("p", { class: "small" });
  const nine = make("ol", { class: "nine" });
  const close = make("button", { type: "button" }, "Close");
  const ways = make("div", { class: "ways" });
  const viewer = make(
    "dialog",
    { class: "viewer", "aria-labelledby": heading.id },
    make("header", {}, make("div", {}, heading, note), close),
    nine,
    ways,
  );
  for (const [key, words] of [
    ["ArrowLeft", "← map before"],
    ["ArrowRight", "map after →"],
    ["ArrowUp", "↑ layer before"],
    ["ArrowDown", "layer after ↓"],
  ]) {
    const button = make("button", { type: "button", "data-key": key }, words);
    button.addEventListener("click", () => go(key));
    ways.append(button);
  }

  function tile(map, part, rank, words) {
    const sheet = map.querySelector(`img[data-part="${part}"]`);
    if (!sheet || ![part, "both", undefined].includes(map.closest(".figure").dataset.show)) return [];
    const { side, gap } = map.closest(".maps").dataset;
    const step = Number(side) + Number(gap);
    const element = make("div", { class: "tile", role: "img", "aria-label": words });
    cut(element, sheet, (rank % BESIDE) * step, Math.floor(rank / BESIDE) * step, Number(side));
    return [element];
  }

  function show(map) {
    shown = map;
    heading.replaceChildren(titleOf(map));
    note.replaceChildren(...map.querySelector("p").cloneNode(true).childNodes);
    nine.replaceChildren(
      ...[...map.querySelectorAll("li")].map((line, rank) =>
        make(
          "li",
          {},
          make(
            "div",
            { class: "tiles" },
            ...tile(map, "projections", rank, `Projection ${rank + 1}`),
            ...tile(map, "patches", rank, `Patch ${rank + 1}`),
          ),
          make("p", {}, line.textContent),
        ),
      ),
    );
    const focused = document.activeElement;
    for (const button of ways.children) button.disabled = !neighbour(map, ARROWS[button.dataset.key]);
    if (focused.disabled) close.focus(); // a disabled button would take the arrow keys out of the viewer
    if (!viewer.open) viewer.showModal();
  }

  function go(key) {
    const next = neighbour(shown, ARROWS[key]);
    if (next) show(next);
  }

  close.addEventListener("click", () => viewer.close());
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close()); // beside it
  viewer.addEventListener("close", () => shown.querySelector(".pair").focus());
  viewer.addEventListener("keydown", (event) => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    go(event.key);
  });

  /** A map's pictures become a button that enlarges them. */
  function enlargeable(map) {
    const pair = map.querySelector(".pair");
    const button = make("button", { type: "button", class: "pair" }, ...pair.childNodes, make("span", { class: "hidden" }, "Enlarge"));
    pair.replaceWith(button);
    button.addEventListener("click", () => show(map));
    button.addEventListener("keydown", (event) => {
      const next = event.key in ARROWS && neighbour(map, ARROWS[event.key]);
      if (!next) return;
      event.preventDefault();
      next.querySelector(".pair").focus();
    });
  }

  /** What is shown of each map: both kinds of pictures or one of them. */
  function choice(figure) {
    const choices = make("fieldset", {}, make("legend", {}, "Show"));
    for (const [value, words] of Object.entries(PARTS)) {
      const radio = make("input", { type: "radio", name: `${figure.id}-show`, value });
      radio.checked = value === "both";
      radio.addEventListener("change", () => {
        figure.dataset.show = value;
      });
      choices.append(make("label", {}, radio, ` ${words}`));
    }
    return choices;
  }

  function search(figure) {
    const field = make("input", { inputmode: "numeric", size: 4, autocomplete: "off" });
    const answer = make("span", { class: "small", role: "status" });
    const form = make("form", { role: "search" }, make("label", {}, "Map number ", field), make("button", {}, "Find"), answer);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const wanted = Number(field.value.match(/\d+/)?.[0] ?? NaN); // 5, 05 or "map 5"
      const found = mapsOf(figure).find((map) => Number(map.dataset.map) === wanted);
      const there = mapsOf(figure).map((map) => map.dataset.map);
      answer.textContent = found ? "" : `${Number.isNaN(wanted) ? "Give a number of" : `Map ${wanted} is not among`} those shown: ${there.join(", ")}.`;
      if (found) show(found);
    });
    return form;
  }

  for (const figure of figures) {
    const maps = mapsOf(figure);
    if (!maps.length) continue;
    maps.forEach(enlargeable);
    const both = figure.querySelector('img[data-part="projections"]') ? [choice(figure)] : [];
    figure.querySelector(".maps").before(make("div", { class: "tools" }, ...both, search(figure)));
  }
  if (figures.length) document.body.append(viewer);
}
