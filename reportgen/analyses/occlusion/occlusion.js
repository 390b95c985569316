// Occlusion: slide the grey square over the image, and read what the net gives with the square there.
"use strict";
for (const figure of document.querySelectorAll(".figure.Occlusion")) {
  const data = dataOf(figure);
  const stage = figure.querySelector(".stage");
  const clean = stage.querySelector(".sheet");
  const squares = data.panels.map((_, panel) => make("span", { class: panel ? "square" : "square grey", hidden: "" }));
  const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
  const readout = make(
    "p",
    { class: "readout", role: "status" },
    "Move the square: slide over a picture, or use its arrow keys.",
  );
  const [rows, columns] = data.sides;
  const centre = (side) => (start) => (start + data.size / 2) / side;
  let row = Math.floor(data.tops.length / 2);
  let column = Math.floor(data.lefts.length / 2);

  function show() {
    const [top, left] = [data.tops[row], data.lefts[column]];
    clean.hidden = false;
    data.panels.forEach(([x, y, width, height], panel) => {
      squares[panel].hidden = false;
      const square = [(width * data.size) / columns, (height * data.size) / rows];
      place(squares[panel], [x + (width * left) / columns, y + (height * top) / rows, ...square]);
    });
    readout.replaceChildren(
      `Square on rows ${top} to ${top + data.size - 1}, columns ${left} to ${left + data.size - 1}: `,
      make("strong", {}, nameOf(data.classes[0]), ` ${percent(data.probability[row][column])}`),
      ` (${percent(data.clean_probability)} uncovered). Most probable: `,
      make("strong", {}, nameOf(data.classes[data.guesses[row][column]])),
      data.activation ? `. Map ${data.map} at ${percent(data.activation[row][column])} of its activity.` : ".",
    );
  }

  /** The place whose centre is nearest to a point of any of the panels that are drawn on the image. */
  function point(x, y) {
    const panel = data.panels.find(([left, top, width, height]) => x >= left && y >= top && x <= left + width && y <= top + height);
    if (!panel) return;
    column = nearest(data.lefts.map(centre(columns)), (x - panel[0]) / panel[2]);
    row = nearest(data.tops.map(centre(rows)), (y - panel[1]) / panel[3]);
    show();
  }

  function step(across, down) {
    column = Math.min(Math.max(column + across, 0), data.lefts.length - 1);
    row = Math.min(Math.max(row + down, 0), data.tops.length - 1);
    show();
  }

  place(clean, data.panels[0]);
  stage.append(...squares);
  stage.closest(".scroll").after(make("div", { class: "below" }, readout));
  follow(stage, "The image under a grey square: move the square with the arrow keys", point, step);
}
