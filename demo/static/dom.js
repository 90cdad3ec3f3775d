// Small helpers for building the page. Texts of people only ever become text nodes.

export const byId = (id) => document.getElementById(id);

/** An element with properties, attributes (`aria-*`, `data-*`, `role`) and children. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name.includes("-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A colour for a nick: the same on every page. */
export function hueOf(nick) {
  let hash = 7;
  for (const letter of nick.toLowerCase()) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return (hash * 137.5) % 360;
}

export function paintAvatar(node, nick) {
  node.textContent = [...nick][0]?.toUpperCase() ?? "";
  node.style.setProperty("--hue", hueOf(nick));
  return node;
}

export const avatar = (nick) =>
  paintAvatar(h("span", { className: "avatar", "aria-hidden": "true" }), nick);

/** Three dots that hop while somebody writes. */
export const writes = () =>
  h("span", { className: "writes", "aria-hidden": "true" }, h("i"), h("i"), h("i"));

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

export const dayOf = (seconds) => calendar.format(seconds * 1000);

export function timeOf(seconds) {
  const date = new Date(seconds * 1000);
  return h("time", { dateTime: date.toISOString(), title: date.toLocaleString() }, clock.format(date));
}

/** "Ada", "Ada and Grace", "Ada, Grace and 3 others". */
export function enumerate(names) {
  if (names.length < 3) return names.join(" and ");
  const rest = names.length - 2;
  return `${names.slice(0, 2).join(", ")} and ${rest} other${rest > 1 ? "s" : ""}`;
}
