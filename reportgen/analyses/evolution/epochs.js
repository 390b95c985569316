// Feature evolution: one epoch of all maps at a time, chosen with a slider or played from the first to the last.
"use strict";
const EACH = 700; // milliseconds that an epoch is shown while they are played
for (const figure of document.querySelectorAll(".figure.Evolution")) {
  const courses = figure.querySelector(".courses");
  const side = Number(courses.dataset.side);
  const step = side + Number(courses.dataset.gap);
  const epochs = [...courses.querySelectorAll(".epochs text")].map((text) => text.textContent);
  const maps = [...courses.querySelectorAll(".course[id]")].map((course) => ({
    name: course.querySelector(".name").textContent,
    sheets: [...course.querySelectorAll(".strips img")],
    lines: [...course.querySelectorAll("li")],
    mark: course.querySelector(".strips .both").appendChild(make("span", { class: "column" })),
    tiles: ["projection", "patch"] // where nothing is projected, patches alone
      .slice(-course.querySelectorAll(".strips img").length)
      .map((part) => make("div", { class: "tile", role: "img", "aria-label": part })),
    line: make("p", {}),
  }));
  const said = make("output", {});
  const slider = make("input", { type: "range", min: 0, max: epochs.length - 1, value: epochs.length - 1 });

  let near = false;

  function show() {
    const column = slider.valueAsNumber;
    said.textContent = epochs[column];
    slider.setAttribute("aria-valuetext", `epoch ${epochs[column]}`);
    for (const map of maps) {
      const width = Number(map.sheets[0].getAttribute("width"));
      place(map.mark, [(column * step) / width, 0, side / width, 1]);
      if (near) map.tiles.forEach((tile, index) => cut(tile, map.sheets[index], column * step, 0, side));
      map.line.replaceChildren(make("span", { class: "name" }, map.name), " ", ...map.lines[column].cloneNode(true).childNodes);
    }
  }

  let playing = 0; // the timer
  const play = make("button", { type: "button" }, "Play");

  function stop() {
    clearInterval(playing);
    playing = 0;
    play.textContent = "Play";
  }

  play.addEventListener("click", () => {
    if (playing) {
      stop();
      return;
    }
    if (slider.value === slider.max) slider.value = 0;
    show();
    play.textContent = "Pause";
    playing = setInterval(() => {
      slider.value = slider.valueAsNumber + 1;
      show();
      if (slider.value === slider.max) stop();
    }, EACH);
  });
  slider.addEventListener("input", () => {
    stop();
    show();
  });
  show();
  whenNear(figure, () => {
    near = true;
    show();
  });
  courses.before(
    make(
      "div",
      { class: "film" },
      make("div", { class: "tools" }, make("label", {}, "Epoch ", slider), said, ...(epochs.length > 1 ? [play] : [])),
      make(
        "div",
        { class: "frames" },
        ...maps.map((map) => make("div", { class: "frame" }, make("div", { class: "tiles" }, ...map.tiles), map.line)),
      ),
    ),
  );
}
