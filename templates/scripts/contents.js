// The table of contents marks the section and the figure that are on the screen.
"use strict";
{
  const contents = document.querySelector(".contents");
  const list = contents.querySelector("ol");
  const entries = [...contents.querySelectorAll("a")].map((link) => ({
    link,
    target: document.getElementById(link.hash.slice(1)),
    inner: link.closest("ol") !== list,
  }));
  let marked = [];
  let waiting = false;

  /** The last entry whose target begins above the middle of the screen; at the page's end, the last target on the screen. */
  function reached(among) {
    const end = scrollY + innerHeight > document.documentElement.scrollHeight - 8;
    return among.findLast(({ target }) => target.getBoundingClientRect().top < innerHeight / (end ? 1 : 2));
  }

  function mark() {
    waiting = false;
    const section = reached(entries.filter((entry) => !entry.inner));
    const figure = reached(entries.filter((entry) => entry.inner && section?.target.contains(entry.target)));
    const now = [section, figure].filter(Boolean).map((entry) => entry.link);
    if (now.length === marked.length && now.every((link, index) => link === marked[index])) return;
    marked.forEach((link) => link.removeAttribute("aria-current"));
    now.forEach((link) => link.setAttribute("aria-current", "true"));
    marked = now;
    const last = now.at(-1)?.getBoundingClientRect();
    if (!last) return;
    // Scroll the column beside a wide page, or the bar above a narrow one; never the page itself.
    const column = contents.getBoundingClientRect();
    if (last.top < column.top || last.bottom > column.bottom) contents.scrollTop += last.top - column.top - column.height / 2;
    const first = now[0].getBoundingClientRect();
    list.scrollLeft += first.left - list.getBoundingClientRect().left - 16;
  }

  const later = () => {
    if (!waiting) requestAnimationFrame(mark);
    waiting = true;
  };
  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", later);
  mark();
}
