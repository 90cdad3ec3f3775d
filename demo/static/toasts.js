// Short notes that come up at the top and go away by themselves.

import { byId, h, icon } from "./dom.js";

const SHOWN_FOR = { note: 4000, error: 8000 };
const MOST = 3;

export function toast(text, kind = "note") {
  const list = byId("toasts");
  const close = h("button", { type: "button", className: "icon-button", "aria-label": "Close" }, icon("close"));
  const node = h("div", { className: `toast ${kind}` }, h("span", {}, text), close);
  close.addEventListener("click", () => node.remove());
  for (const other of [...list.children]) if (other.textContent === node.textContent) other.remove();
  list.append(node);
  while (list.childElementCount > MOST) list.firstElementChild.remove();
  setTimeout(() => node.remove(), SHOWN_FOR[kind]);
}
