// Feature maps: projections, patches or both; a map enlarged to its nine; from map to map and layer to layer by arrow keys.
"use strict";
{
  const BESIDE = 3; // a sheet has nine tiles as 3 x 3
  const PARTS = { both: "both", projections: "projections", patches: "patches" };
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

  const { viewer, heading, note, nine, ways, open } = viewerOf(
    { ArrowLeft: "← map before", ArrowRight: "map after →", ArrowUp: "↑ layer before", ArrowDown: "layer after ↓" },
    go,
    () => reach(shown),
  );

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
    note.querySelector("a")?.removeAttribute("tabindex"); // in the page, arrow keys reach a map
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
    for (const button of ways.children) button.disabled = !neighbour(map, ARROWS[button.dataset.key]);
    open();
  }

  function go(key) {
    const next = neighbour(shown, ARROWS[key]);
    if (next) show(next);
  }

  /** A map's pictures become a button that enlarges them. */
  function enlargeable(map) {
    const details = map.querySelector("details"); // the viewer has the same words, beside the pictures
    if (details) details.hidden = true;
    const pair = map.querySelector(".pair");
    const button = make("button", { type: "button", class: "pair" }, ...pair.childNodes, make("span", { class: "hidden" }, "Enlarge"));
    pair.replaceWith(button);
    button.addEventListener("click", () => show(map));
    button.addEventListener("keydown", (event) => {
      const next = event.key in ARROWS && neighbour(map, ARROWS[event.key]);
      if (!next) return;
      event.preventDefault();
      reach(next);
    });
  }

  /** Put the focus on a map; of a figure's maps, the one that had it last is reached by Tab, the others from there by arrows. */
  function reach(map) {
    const folded = map.closest("details.fold:not([open])");
    if (folded) folded.open = true;
    for (const other of mapsOf(map.closest(".figure"))) other.querySelector(".pair").tabIndex = other === map ? 0 : -1;
    map.querySelector(".pair").focus();
  }

  /** What is shown of each map: both kinds of pictures or one of them. */
  function choice(figure) {
    const choices = make("fieldset", {}, make("legend", {}, "Show"));
    for (const [value, words] of Object.entries(PARTS)) {
      const radio = make("input", { type: "radio", name: `${figure.id}-show`, value });
      radio.checked = value === (figure.dataset.show ?? "both");
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
      if (!found && figure.dataset.atlas) {
        const hash = Number.isNaN(wanted) ? "" : `#map${wanted}`;
        answer.append(" ", make("a", { href: `${figure.dataset.atlas}${hash}` }, "The atlas has all maps of this layer"), ".");
      }
      if (found) show(found);
    });
    return form;
  }

  for (const figure of figures) {
    const maps = mapsOf(figure);
    if (!maps.length) continue;
    maps.forEach(enlargeable);
    maps.slice(1).forEach((map) => {
      map.querySelector(".pair").tabIndex = -1;
    });
    const both = figure.querySelector('img[data-part="projections"]') ? [choice(figure)] : [];
    figure.querySelector(".maps").before(make("div", { class: "tools" }, ...both, search(figure)));
  }
  if (figures.length) document.body.append(viewer);
}
