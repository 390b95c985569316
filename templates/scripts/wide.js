// What is wider than the screen says so: it fades out on the side on which there is more.
"use strict";
for (const box of document.querySelectorAll(".scroll")) {
  const look = () => {
    const left = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("more-before", box.scrollLeft > 1);
    box.classList.toggle("more-behind", left > 1);
  };
  box.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(box);
}
