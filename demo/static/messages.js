// The list of messages of the room on show.

import { avatar, byId, dayOf, enumerate, h, hueOf, timeOf, writes } from "./dom.js";

/** Statements of one person that follow each other within this many seconds share one head. */
const TOGETHER = 300;
/** So near to the end, in pixels, counts as being there. */
const NEAR = 80;

const LINK = /https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]]/g;
const JUMBO = /^(?:\p{Extended_Pictographic}[\u{fe0f}\u{200d}\u{1f3fb}-\u{1f3ff}]*\s*){1,3}$/u;

const NOTICES = {
  gap: () => "Some messages in between are no longer kept",
  join: () => " joined",
  leave: (entry) => (entry.text ? ` ${entry.text}` : " left"),
  topic: (entry) => (entry.text ? ` changed the topic to “${entry.text}”` : " removed the topic"),
  rename: (entry) => [" is now ", h("b", {}, entry.text)],
};

export class Messages {
  #list = byId("messages");
  #pending = byId("pending");
  #scroller = byId("scroller");
  #toEnd = byId("to-end");
  #previous = null;
  #below = 0;

  /** @param retry  called with a room and a line that was not delivered */
  constructor({ nick, retry, discard }) {
    this.nick = nick;
    this.retry = retry;
    this.discard = discard;
    this.#scroller.addEventListener("scroll", () => this.#atEnd && this.#clearBelow(), { passive: true });
    this.#toEnd.addEventListener("click", () => this.#scrollToEnd());
    // The box changes height when the keyboard of a phone comes up: stay at the end.
    let wasAtEnd = true;
    this.#scroller.addEventListener("scroll", () => (wasAtEnd = this.#atEnd), { passive: true });
    new ResizeObserver(() => wasAtEnd && this.#scrollToEnd()).observe(this.#scroller);
  }

  get #atEnd() {
    const box = this.#scroller;
    return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  }

  /** Show a room from scratch. Not read out: it is not news. */
  showAll(room) {
    byId("log").setAttribute("aria-live", "off");
    this.#previous = null;
    this.#list.replaceChildren(...room.entries.flatMap((entry) => this.#items(entry)));
    this.showPending(room);
    this.#scrollToEnd();
    requestAnimationFrame(() => byId("log").setAttribute("aria-live", "polite"));
  }

  /** Add an entry at the end. */
  append(entry) {
    const follow = this.#atEnd || entry.nick === this.nick();
    const items = this.#items(entry);
    items.forEach((item) => item.classList.add("fresh"));
    this.#list.append(...items);
    this.#showQuiet();
    if (follow) return this.#scrollToEnd();
    if (entry.kind !== "say") return;
    this.#below += 1;
    byId("to-end-text").textContent = `${this.#below} new`;
    this.#toEnd.hidden = false;
  }

  showPending(room) {
    const follow = this.#atEnd;
    this.#pending.replaceChildren(...room.pending.map((line) => this.#pendingItem(room, line)));
    this.#showQuiet();
    if (follow) this.#scrollToEnd();
  }

  showTyping(room) {
    const nicks = [...room.typing.keys()].sort();
    const verb = nicks.length > 1 ? "are" : "is";
    byId("typing").replaceChildren(...(nicks.length ? [writes(), `${enumerate(nicks)} ${verb} typing…`] : []));
  }

  #showQuiet() {
    const talk = this.#list.querySelector(".say") || this.#pending.childElementCount;
    byId("quiet").hidden = Boolean(talk);
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#clearBelow();
  }

  #clearBelow() {
    this.#below = 0;
    this.#toEnd.hidden = true;
  }

  #items(entry) {
    const before = this.#previous;
    this.#previous = entry;
    const day = dayOf(entry.at);
    const turned = before ? day !== dayOf(before.at) : day !== dayOf(Date.now() / 1000);
    const item = entry.kind === "say" ? this.#statement(entry, before, turned) : this.#notice(entry);
    return turned ? [h("li", { className: "day" }, day), item] : [item];
  }

  #notice(entry) {
    return h("li", { className: "notice", "data-kind": entry.kind },
      h("b", {}, entry.nick), ...[NOTICES[entry.kind](entry)].flat(), " ", timeOf(entry.at));
  }

  #statement(entry, before, turned) {
    const mine = entry.nick === this.nick();
    const goesOn = !turned && before?.kind === "say" && before.nick === entry.nick && entry.at - before.at < TOGETHER;
    const item = h("li", { className: "say", "data-id": entry.id },
      avatar(entry.nick),
      h("p", { className: "meta" }, h("b", {}, entry.nick), timeOf(entry.at)),
      goesOn ? h("span", { className: "sr" }, `${entry.nick}:`) : null,
      bubble(entry.text));
    item.style.setProperty("--hue", hueOf(entry.nick));
    item.classList.toggle("mine", mine);
    item.classList.toggle("first", !goesOn);
    item.classList.toggle("jumbo", JUMBO.test(entry.text));
    item.classList.toggle("called", !mine && calls(entry.text, this.nick()));
    return item;
  }

  #pendingItem(room, line) {
    const failed = line.state === "failed";
    const words = { sending: "Sending…", waiting: "Goes out when the connection is back", failed: line.error };
    const state = h("p", { className: "state" }, words[line.state]);
    if (failed) {
      const again = h("button", { type: "button", className: "text-button" }, "Try again");
      const drop = h("button", { type: "button", className: "text-button" }, "Discard");
      again.addEventListener("click", () => this.retry(room, line));
      drop.addEventListener("click", () => this.discard(room, line));
      state.append(" ", again, " ", drop);
    }
    return h("li", { className: `say mine first ${failed ? "failed" : ""}` }, bubble(line.text), state);
  }
}

/** A text in its bubble, with what looks like an address made one to follow. */
function bubble(text) {
  const node = h("p", { className: "bubble", dir: "auto" });
  let done = 0;
  for (const match of text.matchAll(LINK)) {
    const link = h("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]);
    node.append(text.slice(done, match.index), link);
    done = match.index + match[0].length;
  }
  node.append(text.slice(done));
  return node;
}

function calls(text, nick) {
  const words = text.toLowerCase();
  const name = nick.toLowerCase();
  const at = words.indexOf(name);
  const letter = /[\p{L}\p{N}]/u;
  return at >= 0 && !letter.test(words[at - 1] ?? " ") && !letter.test(words[at + name.length] ?? " ");
}
