// What stands beside the messages: rooms, people, oneself and the connection.

import { avatar, byId, h, icon, paintAvatar, writes } from "./dom.js";

const order = new Intl.Collator().compare;

export function showRooms(chat, open) {
  const mine = [...chat.rooms.values()].map((room) => {
    const button = roomButton(room.name, open);
    if (room.name === chat.current) button.setAttribute("aria-current", "true");
    if (room.unread) {
      button.append(h("span", { className: "unread" }, String(room.unread), h("span", { className: "sr" }, " unread")));
    } else {
      button.append(count(room.people.size));
    }
    return h("li", {}, button);
  });
  byId("room-list").replaceChildren(...mine);
  const others = [...chat.directory.values()]
    .filter((room) => !chat.rooms.has(room.name))
    .sort((a, b) => order(a.name, b.name));
  const items = others.map((room) => {
    const button = roomButton(room.name, open);
    button.title = room.topic;
    button.append(count(room.people));
    return h("li", {}, button);
  });
  byId("other-list").replaceChildren(...(items.length ? items : [h("li", { className: "none" }, "None yet. Open one:")]));
  const unread = [...chat.rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  byId("pip").hidden = unread === 0;
  document.title = chat.room ? `${unread ? `(${unread}) ` : ""}#${chat.current} · pyramid_sio` : "pyramid_sio chat";
}

function roomButton(name, open) {
  const button = h("button", { type: "button", "data-room": name }, h("span", { className: "name" }, `# ${name}`));
  button.addEventListener("click", () => open(name));
  return button;
}

function count(people) {
  return h("span", { className: "count" }, icon("people"), String(people), h("span", { className: "sr" }, " people"));
}

export function showRoomHead(chat) {
  const room = chat.room;
  if (!room) return;
  byId("room-name").textContent = `# ${room.name}`;
  byId("topic-text").textContent = room.topic || "Set a topic";
  byId("topic").title = room.topicBy ? `Topic by ${room.topicBy}. Change it` : "Change the topic";
  byId("head-count").textContent = room.people.size;
  byId("text").placeholder = `Message #${room.name}`;
  byId("leave-room").hidden = room.name === "lobby" && chat.rooms.size === 1;
}

export function showPeople(chat) {
  const room = chat.room;
  if (!room) return;
  const people = [...room.people].sort((a, b) => (b === chat.nick) - (a === chat.nick) || order(a, b));
  byId("people-list").replaceChildren(...people.map((nick) =>
    h("li", { "data-nick": nick },
      avatar(nick),
      h("span", { className: "name" }, nick),
      nick === chat.nick ? h("span", { className: "you" }, "you") : null,
      room.typing.has(nick) ? writes() : null)));
  byId("people-title").firstElementChild.textContent = `Here now: ${room.people.size}`;
}

export function showMe(chat) {
  byId("me-nick").textContent = chat.nick;
  paintAvatar(byId("me-avatar"), chat.nick);
}

const OFFLINE = "No connection to the server. Trying again…";

export function showLink(link, chat) {
  const speed = link.latency === null ? "" : ` · ${Math.max(1, Math.round(link.latency))} ms`;
  const words = link.up ? `${link.transport}${speed}` : "Reconnecting…";
  for (const [id, text] of [["link-text", words], ["load-live", link.up ? words : "Connecting…"]]) {
    const node = byId(id);
    node.textContent = text;
    node.parentElement.classList.toggle("is-good", link.up);
    node.parentElement.classList.toggle("is-warn", !link.up);
  }
  const lost = chat.state === "lost" || (chat.state === "in" && !link.up);
  byId("offline").hidden = !lost;
  byId("offline").textContent = lost ? OFFLINE : "";
}
