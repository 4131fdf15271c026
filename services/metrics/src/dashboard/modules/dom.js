// Elements that are written once and updated in place, so that focus, scroll and selection stay.
//
// Whatever comes from the server is written as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Makes an element; children that are strings become text. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** An element of SVG, which takes attributes. */
export function drawn(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(node, attributes);
  node.append(...children);
  return node;
}

export function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/** Writes only what changed: a selection stays, and a screen reader is not told again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setHidden(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

/** Puts `nodes`, and nothing else, into `parent`; the one with the focus is never moved. */
function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  const focused = nodes.findIndex((node) => node.contains(document.activeElement));
  for (let i = focused - 1; i >= 0; i -= 1) {
    if (nodes[i].nextSibling !== nodes[i + 1]) parent.insertBefore(nodes[i], nodes[i + 1]);
  }
  for (let i = focused + 1; i < nodes.length; i += 1) {
    const next = i === 0 ? parent.firstChild : nodes[i - 1].nextSibling;
    if (next !== nodes[i]) parent.insertBefore(nodes[i], next);
  }
}

/**
 * Keeps one child of `parent` for each item: `make(item)` gives `{ node, update }` for a new key,
 * `update(item)` writes what it says now. `lead` are children that always stand first.
 */
export function keyed(parent, keyOf, make, lead = []) {
  let kept = new Map();
  return (items) => {
    const now = new Map();
    for (const item of items) {
      let key = keyOf(item);
      while (now.has(key)) key = `${key} again`; // two moves within a second are two rows
      const child = kept.get(key) ?? make(item);
      child.update(item);
      now.set(key, child);
    }
    kept = now;
    arrange(parent, [...lead, ...[...now.values()].map(({ node }) => node)]);
  };
}

/** A box that scrolls by itself when its content is wider than the screen. */
export function scroller(label, ...children) {
  const box = element("div", { className: "scroll", tabIndex: 0 }, ...children);
  setAttributes(box, { role: "group", "aria-label": label });
  return box;
}

/**
 * A table with one row an item. A column is `{ title, text(item) }`, or `{ title, make(cell) }`,
 * where `make` fills the cell once and gives the function that updates it; `isNumber` aligns it.
 * The first column heads its row. Gives the scrolling box and the update.
 */
export function table(caption, columns, keyOf) {
  const heads = columns.map(({ title, isNumber, hint }) => {
    const head = element("th", { scope: "col", className: isNumber ? "number" : "" }, title);
    if (hint) head.title = hint;
    return head;
  });
  const body = element("tbody");
  const node = element("table", {},
    element("caption", { className: "unseen" }, caption),
    element("thead", {}, element("tr", {}, ...heads)), body);
  const update = keyed(body, keyOf, () => row(columns));
  return { node: scroller(caption, node), update };
}

function row(columns) {
  const cells = columns.map(({ isNumber }, index) => {
    const cell = element(index === 0 ? "th" : "td", { className: isNumber ? "number" : "" });
    if (index === 0) cell.scope = "row";
    return cell;
  });
  const writers = columns.map(({ text, make }, index) =>
    make ? make(cells[index]) : (item) => setText(cells[index], text(item)));
  const node = element("tr", {}, ...cells);
  return { node, update: (item) => writers.forEach((write) => write(item)) };
}

/** A list of names and texts, updated in place. */
export function facts() {
  const node = element("dl", { className: "facts" });
  const update = keyed(node, ([name]) => name, ([name]) => {
    const text = element("dd");
    const pair = element("div", {}, element("dt", {}, name), text);
    return { node: pair, update: ([, value]) => setText(text, value) };
  });
  return { node, update };
}

/** Shows either the panel's content or, for null, why there is none and what to do. */
export function panel(host, ...content) {
  const empty = element("p", { className: "empty", hidden: true });
  host.append(...content, empty);
  return (why, ...code) => {
    for (const node of content) setHidden(node, why !== null);
    setHidden(empty, why === null);
    if (why === null) return;
    const said = [why, ...code].join(" ");
    if (empty.textContent === said) return;
    empty.replaceChildren(why, ...code.flatMap((text) => [" ", element("code", {}, text)]));
  };
}
