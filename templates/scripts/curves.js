// Charts of curves: show the values under the pointer.
"use strict";
for (const figure of document.querySelectorAll(".figure.LineChart")) {
  const { panels, moved } = dataOf(figure);
  const stage = figure.querySelector(".stage");
  const rule = make("span", { class: "rule", hidden: "" });
  const dots = make("span", { class: "dots" });
  const readout = make(
    "p",
    { class: "readout", role: "status" },
    figure === document.querySelector(".figure.LineChart") ? "Values: slide over a chart, or use its arrow keys." : "",
  );
  // Every x at which the panel has a point, in order.
  const places = panels.map((panel) => [...new Set(panel.series.flatMap((line) => line.x))].sort((a, b) => a - b));
  const share = (value, [low, high]) => (value - low) / (high - low);
  const scenes = moved ? panels[0].series.map((line, index) => scene(line.name, index)) : [];
  let panel = 0;
  let at = -1;

  /** A curve's image, in the window that the net sees: { element, picture, value }. */
  function scene(name, index) {
    const { tile, side, window: seen } = moved;
    const picture = make("div", { class: "scene" });
    const value = make("span");
    const corner = -Math.floor((side - seen) / 2);
    place(picture, [corner / seen, corner / seen, side / seen, side / seen]);
    picture.style.transformOrigin = `${(100 * (seen / 2 - corner)) / side}% ${(100 * (seen / 2 - corner)) / side}%`;
    whenNear(stage, () => cut(picture, stage.querySelector(".sheet"), index * tile, 0, tile));
    const frame = make("div", { class: "window", role: "img", "aria-label": `${name}, moved` }, picture);
    return { element: make("div", {}, frame, make("p", {}, nameOf(name), " ", value)), picture, value };
  }

  /** Move the images as they were moved to give the values at x. */
  function move(x) {
    const way = moved.ways[panel];
    const change = { shift: `translateY(${(100 * x) / moved.side}%)`, scale: `scale(${x})`, turn: `rotate(${-x}deg)` }[way];
    panels[panel].series.forEach(({ x: xs, y }, index) => {
      scenes[index].picture.style.transform = change;
      scenes[index].value.textContent = numberOf(y[xs.indexOf(x)]);
    });
  }

  function show() {
    const { title, x_label, y_label, box, x_range, y_range, series } = panels[panel];
    const [left, top, width, height] = box;
    const x = places[panel][at];
    const across = left + width * share(x, x_range);
    const here = series.map(({ name, x: xs, y }) => ({ name, y: y[xs.indexOf(x)] })).filter(({ y }) => y != null);
    rule.hidden = false;
    place(rule, [across, top, 0, height]);
    dots.replaceChildren(
      ...here.map(({ y }) => {
        const dot = make("span", { class: "dot" });
        place(dot, [across, top + height * (1 - share(y, y_range)), 0, 0]);
        return dot;
      }),
    );
    if (moved) move(x);
    readout.replaceChildren(
      ...(title ? [make("strong", {}, title), " "] : []),
      `at ${x_label} ${numberOf(x)}, ${y_label}: `,
      ...here.flatMap(({ name, y }, index) => [index ? "; " : "", nameOf(name), " ", make("strong", {}, numberOf(y))]),
    );
  }

  function point(x, y) {
    const under = panels.findIndex(({ box: [left, top, width, height] }) => x >= left && y >= top && x <= left + width && y <= top + height);
    if (under < 0 || !places[under].length) return;
    panel = under;
    const { box, x_range } = panels[panel];
    at = nearest(places[panel].map((value) => share(value, x_range)), (x - box[0]) / box[2]);
    show();
  }

  function step(across, down) {
    panel = Math.min(Math.max(panel + down, 0), panels.length - 1);
    if (!places[panel].length) return;
    at = Math.min(Math.max(at + across, 0), places[panel].length - 1);
    show();
  }

  stage.append(rule, dots);
  const pictures = moved ? [make("div", { class: "moved" }, ...scenes.map(({ element }) => element))] : [];
  stage.closest(".scroll").after(make("div", { class: "below" }, readout, ...pictures));
  follow(stage, `${figure.dataset.title}: left and right move along the curves, up and down change the chart`, point, step);
}
