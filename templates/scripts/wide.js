// Mark elements that are wider than the screen, and fade them out on each side with more to see.
"use strict";
for (const box of document.querySelectorAll(".scroll")) {
  const hint = make("p", { class: "small wide", "aria-hidden": "true", hidden: "" }, "Wider than the screen: slide it to the side ↔");
  const look = () => {
    const room = box.scrollWidth - box.clientWidth;
    hint.hidden = room <= 1;
    box.tabIndex = room > 1 ? 0 : -1; // what does not slide needs no stop of the keyboard
    box.classList.toggle("more-before", box.scrollLeft > 1);
    box.classList.toggle("more-behind", room - box.scrollLeft > 1);
  };
  box.before(hint);
  box.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(box);
}
