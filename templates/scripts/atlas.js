// The atlas: maps found by number and class in all layers, one enlarged to its nine, from map to map by arrow keys.
// `ATLAS` (atlas/index.js) knows every map; the numbers of its nine lie in a file for each sheet, asked for when they are shown.
"use strict";
{
  const BESIDE = 3; // a block has nine tiles as 3 x 3
  const AT_ONCE = 120; // maps of an answer that are shown before a button shows as many more
  const { classes, columns, rows, side, gap } = ATLAS;
  const own = { layer: Number(document.body.dataset.layer), first: Number(document.body.dataset.first) };
  const [step, block] = [side + gap, BESIDE * (side + gap) - gap];
  const list = document.querySelector("ol.gallery");
  const there = [...list.children]; // the maps of this page
  const layerOf = (map) => ATLAS.layers.find((layer) => layer.number === map.layer);
  const mapsOf = (layer) => layer.kinds.map((_, number) => ({ layer: layer.number, number }));
  let listed = mapsOf(ATLAS.layers.find((layer) => layer.number === own.layer)); // in their order: the layer's, or an answer's

  /** The link to a map: of this page, or of another. */
  function addressOf({ layer, number }) {
    const first = Math.floor(number / ATLAS.page) * ATLAS.page;
    const page = layer === own.layer && first === own.first ? "" : `layer${layer}${first ? `-${first}` : ""}.html`;
    return `${page}#map${number}`;
  }

  /** How many of a map's nine images are of each class, the most frequent first: [[class, count], ...]. */
  function countsOf({ layer, number }) {
    const counts = new Map();
    for (const kind of layerOf({ layer }).kinds[number]) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return [...counts].sort((one, other) => other[1] - one[1]);
  }

  /** "5 dog, 3 cat"; names alone where all differ. */
  function noteOf(map) {
    const counts = countsOf(map);
    const all = counts.length > 1 && counts.every(([, count]) => count === 1);
    const words = counts.map(([kind, count]) => (all ? classes[kind] : `${count} ${classes[kind]}`)).join(", ") || "no activation";
    return layerOf(map).dead.includes(map.number) ? `${words} (dead)` : words;
  }

  function whereOf({ number }) {
    return { sheet: Math.floor(number / (columns * rows)), at: number % (columns * rows) };
  }

  function sheetOf(map, part) {
    return `layer${map.layer}/${whereOf(map).sheet}-${part}.jpg`;
  }

  /** A map in an answer, as the page's own stand in the list. */
  function entry(map) {
    const { at } = whereOf(map);
    const cell = (part) =>
      make(
        "span",
        { class: "cell" },
        make("img", { class: `c${at % columns} r${Math.floor(at / columns)}`, width: columns, height: rows, loading: "lazy", decoding: "async", alt: "", src: sheetOf(map, part) }),
      );
    const link = make(
      "a",
      { class: "pair", href: addressOf(map) },
      ...(layerOf(map).projected ? [cell("projections")] : []),
      cell("patches"),
      make("span", { class: "name" }, `layer ${map.layer}, map ${map.number}`),
    );
    return make("li", { "data-layer": map.layer, "data-map": map.number }, link, make("p", {}, nameOf(noteOf(map))));
  }

  /** What the nine of each map of a sheet are, once its file is there. */
  const asked = new Map();
  function ask(map) {
    const key = `${map.layer}/${whereOf(map).sheet}`;
    if (!asked.has(key)) {
      const answer = {};
      answer.came = new Promise((resolve) => {
        answer.resolve = resolve;
      });
      asked.set(key, answer);
      document.head.append(make("script", { src: `layer${key}.js` }));
    }
    return asked.get(key).came;
  }
  globalThis.described = (layer, sheet, nine) => asked.get(`${layer}/${sheet}`)?.resolve(nine);

  let shown = null; // the map in the viewer
  const { viewer, heading, note, nine, ways, open } = viewerOf({ ArrowLeft: "← map before", ArrowRight: "map after →" }, go, () => reach(standing(shown)));

  const same = (one, other) => one.layer === other.layer && one.number === other.number;
  const neighbour = (map, key) => listed[listed.findIndex((other) => same(map, other)) + ARROWS[key][0]];
  const standing = (map) =>
    [...list.children].find((item) => (item.id ? map.layer === own.layer && item.id === `map${map.number}` : same(map, { layer: Number(item.dataset.layer), number: Number(item.dataset.map) })));

  function tile(picture, left, top, size, words) {
    const element = make("div", { class: "tile", role: "img", "aria-label": words });
    cut(element, picture, left, top, size);
    return element;
  }

  /** One of a map's nine as tiles: of the report's own pictures, which are larger, where it shows the map; else of the sheets. */
  function tilesOf(map, rank) {
    const { at, sheet } = whereOf(map);
    const layer = layerOf(map);
    const high = Math.ceil(Math.min(columns * rows, layer.maps - sheet * columns * rows) / columns) * block;
    const [x, y] = [(at % columns) * block + (rank % BESIDE) * step, Math.floor(at / columns) * block + Math.floor(rank / BESIDE) * step];
    const cutOut = (part, words) => {
      const picture = layer.report[map.number]?.[part];
      if (!picture) return tile(make("img", { src: sheetOf(map, part), width: columns * block, height: high }), x, y, side, words);
      const each = (picture.width - 2 * picture.gap) / BESIDE;
      const image = make("img", { src: `../${picture.file}`, width: picture.width, height: picture.height });
      const [left, top] = [rank % BESIDE, Math.floor(rank / BESIDE)].map((place) => place * (each + picture.gap));
      return tile(image, left, top, each, words);
    };
    return [
      ...(projectedIn(map) ? [cutOut("projections", `Projection ${rank + 1}`)] : []),
      cutOut("patches", `Patch ${rank + 1}`),
    ];
  }

  const projectedIn = (map) => layerOf(map).projected || layerOf(map).report[map.number]?.projections;

  function show(map) {
    shown = map;
    heading.textContent = `Layer ${map.layer}, map ${map.number}`;
    const layer = layerOf(map);
    const place = layer.report[map.number];
    note.replaceChildren(
      nameOf(noteOf(map)),
      `. Strongest activation ${layer.strongest[map.number]}. `,
      make("a", { href: addressOf(map) }, "Link to this map"),
      ...(place ? [". ", make("a", { href: `../index.html#${place.id}` }, "In the report")] : []),
    );
    nine.classList.toggle("alone", !projectedIn(map)); // small pictures, which are not enlarged beyond what they show
    nine.replaceChildren(
      ...layer.kinds[map.number].map((kind, rank) =>
        make("li", {}, make("div", { class: "tiles" }, ...tilesOf(map, rank)), make("p", {}, nameOf(classes[kind]))),
      ),
    );
    ask(map).then((sheet) => {
      if (shown !== map) return;
      sheet[whereOf(map).at].forEach(([value, , image, row, column], rank) => {
        nine.children[rank].querySelector("p").append(`, activation ${value}, `, nameOf(image), `, row ${row}, column ${column}`);
      });
    });
    if (map.layer === own.layer && standing(map)?.id) history.replaceState(null, "", `#map${map.number}`);
    for (const button of ways.children) button.disabled = !neighbour(map, button.dataset.key);
    open();
  }

  function go(key) {
    const next = neighbour(shown, key);
    if (next && !same(next, shown)) show(next);
  }

  /** Put the focus on a map of the list: the one that had it last is reached by Tab, the others from there by arrows. */
  function reach(item) {
    if (!item) return;
    for (const other of list.querySelectorAll(".pair")) other.tabIndex = -1;
    item.querySelector(".pair").tabIndex = 0;
    item.querySelector(".pair").focus();
  }

  const mapOf = (item) => ({ layer: Number(item.dataset.layer ?? own.layer), number: Number(item.dataset.map ?? item.id.slice(3)) });
  list.addEventListener("click", (event) => {
    const link = event.target.closest(".pair");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return; // for a tab of its own
    event.preventDefault();
    show(mapOf(link.closest("li")));
  });
  list.addEventListener("keydown", (event) => {
    if (!event.target.matches(".pair") || !(event.key in ARROWS)) return;
    event.preventDefault();
    const [across, down] = ARROWS[event.key];
    const items = [...list.children];
    const wide = items.findIndex((item) => item.offsetTop > items[0].offsetTop); // maps of a row; -1: all stand in one
    reach(items[items.indexOf(event.target.closest("li")) + across + down * (wide < 0 ? items.length : wide)]);
  });

  /** The search. */
  const field = make("input", { autocomplete: "off", list: "classes", size: 16 });
  const choice = (name, entries) => make("select", { "aria-label": name }, ...entries.map(([value, words]) => make("option", { value }, words)));
  const within = choice("in which layers", [["", "every layer"], ...ATLAS.layers.map(({ number }) => [number, `layer ${number}`])]);
  const order = choice("order of the answer", [
    ["agreement", "most of one class first"],
    ["strongest", "strongest activation first"],
    ["number", "by number"],
  ]);
  const answer = make("p", { class: "small", role: "status" });
  const more = make("button", { type: "button" }, "Show more");
  const all = make("button", { type: "button", hidden: "" }, "Back to this page's maps");
  const used = [...new Set(ATLAS.layers.flatMap((layer) => layer.kinds.flat()))].map((kind) => classes[kind]).sort();
  const form = make(
    "form",
    { role: "search" },
    make("label", {}, "Class or map number ", field),
    make("label", {}, "in ", within),
    make("label", {}, "answer: ", order),
    make("button", {}, "Find"),
    all,
    make("datalist", { id: "classes" }, ...used.map((name) => make("option", { value: name }))),
  );

  /** The maps that a text asks for, each with how many of its nine are meant; null if it names no class. */
  function found(text, layers) {
    const maps = layers.flatMap(mapsOf);
    if (!text) return maps.map((map) => ({ ...map, meant: countsOf(map)[0]?.[1] ?? 0 }));
    const exact = classes.flatMap((name, kind) => (name === text || name.split(" + ").includes(text) ? [kind] : []));
    const number = !exact.length && text.match(/^(?:map )?(\d+)$/i)?.[1];
    if (number) return maps.filter((map) => map.number === Number(number)).map((map) => ({ ...map, meant: 1 }));
    if (!exact.length && text.toLowerCase() === "dead") return maps.filter((map) => layerOf(map).dead.includes(map.number)).map((map) => ({ ...map, meant: 0 }));
    const part = classes.flatMap((name, kind) => (name.toLowerCase().includes(text.toLowerCase()) ? [kind] : []));
    const kinds = new Set(exact.length ? exact : part);
    if (!kinds.size) return null;
    return maps
      .map((map) => ({ ...map, meant: layerOf(map).kinds[map.number].filter((kind) => kinds.has(kind)).length }))
      .filter((map) => map.meant);
  }

  function sorted(maps) {
    const strength = (map) => layerOf(map).strongest[map.number];
    if (order.value === "agreement") return maps.sort((one, other) => other.meant - one.meant);
    return order.value === "strongest" ? maps.sort((one, other) => strength(other) - strength(one)) : maps;
  }

  /** Show the next maps of the answer. */
  function unfold() {
    const from = list.children.length;
    list.append(...listed.slice(from, from + AT_ONCE).map(entry));
    more.hidden = list.children.length >= listed.length;
    reachable();
  }

  function reachable() {
    list.querySelectorAll(".pair").forEach((link, place) => {
      link.tabIndex = place ? -1 : 0;
    });
  }

  function back() {
    listed = mapsOf(layerOf({ layer: own.layer }));
    list.replaceChildren(...there);
    more.hidden = all.hidden = true;
    answer.textContent = "";
    reachable();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    const maps = found(text, within.value ? [layerOf({ layer: Number(within.value) })] : ATLAS.layers);
    if (!maps?.length) {
      answer.textContent = maps ? `No such map: ${text}.` : `No class is called ${text}.`;
      return;
    }
    listed = sorted(maps);
    list.replaceChildren();
    all.hidden = false;
    answer.textContent = `${listed.length} ${listed.length === 1 ? "map" : "maps"}`;
    unfold();
    if (listed.length === 1) show(listed[0]);
  });
  more.addEventListener("click", unfold);
  all.addEventListener("click", back);

  list.before(make("div", { class: "tools" }, form), answer);
  list.after(more);
  more.hidden = true;
  document.body.append(viewer);
  reachable();

  /** The map that the address names, as #map17 or, on any layer's page, #layer3/map17; of another page, that page. */
  function arrive() {
    const [, layer, digits] = location.hash.match(/^#(?:layer(\d+)\/)?map(\d+)$/) ?? [];
    if (!digits) return;
    const map = { layer: Number(layer ?? own.layer), number: Number(digits) };
    const maps = layerOf(map)?.maps;
    if (!maps) return;
    if (map.number >= maps) {
      answer.textContent = `There is no map ${map.number}: the maps of layer ${map.layer} are 0 to ${maps - 1}.`;
      return;
    }
    const address = addressOf(map);
    if (!address.startsWith("#")) location.replace(address);
    else {
      standing(map)?.scrollIntoView({ block: "center" });
      show(map);
    }
  }
  globalThis.addEventListener("hashchange", arrive);
  globalThis.addEventListener("load", arrive); // not before: going to the named place takes the focus out of the viewer
}
