// Shared by the other scripts. All are classic scripts: from file:// a browser loads no modules and fetches nothing.
"use strict";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A new element: make("p", { class: "name" }, "text", anotherElement). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A name from the data, isolated from the text around it in case it is written from right to left. */
function nameOf(text) {
  return make("bdi", {}, text);
}

/** A number with a true minus. */
function numberOf(value) {
  return String(value).replace("-", "−");
}

/** The data beside a figure's picture in the page. */
function dataOf(figure) {
  return JSON.parse(figure.querySelector("script[type='application/json']").textContent);
}

/** Put an element over a picture; box: left, top, width and height as shares of the picture. */
function place(element, box) {
  ["left", "top", "width", "height"].forEach((side, index) => {
    element.style[side] = `${100 * box[index]}%`;
  });
}

/** Show one square tile of a sheet of tiles in an element; lengths are in pixels of the sheet. */
function cut(element, sheet, left, top, side) {
  const position = (offset, whole) => `${whole > side ? (100 * offset) / (whole - side) : 0}%`;
  const [width, height] = [sheet.getAttribute("width"), sheet.getAttribute("height")].map(Number);
  element.style.backgroundImage = `url("${sheet.src}")`;
  element.style.backgroundSize = `${(100 * width) / side}% ${(100 * height) / side}%`;
  element.style.backgroundPosition = `${position(left, width)} ${position(top, height)}`;
}

/**
 * The viewer of a map's nine: one dialog for all maps, in which arrow keys and buttons lead from map to map.
 * words: what the button of each arrow key says; go(key) is called with the key, closed() when the viewer has been closed.
 */
function viewerOf(words, go, closed) {
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
  for (const [key, said] of Object.entries(words)) {
    const button = make("button", { type: "button", "data-key": key }, said);
    button.addEventListener("click", () => go(key));
    ways.append(button);
  }
  close.addEventListener("click", () => viewer.close());
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close()); // beside it
  viewer.addEventListener("close", closed);
  viewer.addEventListener("keydown", (event) => {
    if (!(event.key in words)) return;
    event.preventDefault();
    go(event.key);
  });

  function open() {
    const opening = !viewer.open;
    if (opening) viewer.showModal();
    // A button that is disabled now, or a link that is gone, would take the arrow keys out of the viewer.
    if (opening || !viewer.contains(document.activeElement) || document.activeElement.disabled) close.focus();
  }

  return { viewer, heading, note, nine, ways, open };
}

/** Call a function once, when an element comes near the screen, so that unseen pictures are not loaded. */
function whenNear(element, call) {
  const watch = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      call();
    },
    { rootMargin: "800px" },
  );
  watch.observe(element);
}

/** The index of the nearest of some numbers. */
function nearest(numbers, value) {
  return numbers.reduce((best, number, index) => (Math.abs(number - value) < Math.abs(numbers[best] - value) ? index : best), 0);
}

/**
 * Let the pointer and the arrow keys move over a drawing.
 * point(x, y) is called with shares of its width and height, step(dx, dy) with -1, 0 or 1.
 */
function follow(stage, label, point, step) {
  stage.tabIndex = 0;
  stage.setAttribute("role", "application");
  stage.setAttribute("aria-label", label);
  const moved = (event) => {
    const box = stage.getBoundingClientRect();
    point((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  stage.addEventListener("pointermove", moved);
  stage.addEventListener("pointerdown", moved);
  stage.addEventListener("keydown", (event) => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    step(...ARROWS[event.key]);
  });
}
