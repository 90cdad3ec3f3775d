// Puts the page together: what people do goes to the chat, what the chat tells goes to the page.

import { Chat } from "./chat.js";
import { LoadChart } from "./chart.js";
import { byId, h } from "./dom.js";
import { Link } from "./link.js";
import { Messages } from "./messages.js";
import { showLink, showMe, showPeople, showRoomHead, showRooms } from "./sidebars.js";
import { toast } from "./toasts.js";

const MEMORY = "pyramid_sio.chat";
/** Milliseconds after which "is typing" is said again, or taken back. */
const TYPING_AGAIN = 3000;

function start() {
  const link = new Link();
  const chat = new Chat(link.manager);
  const messages = new Messages({
    nick: () => chat.nick,
    retry: (room, line) => chat.deliver(room, line),
    discard: (room, line) => chat.discard(room, line),
  });
  new LoadChart(link.load);
  byId("load-at-door").append(byId("load"));
  wireDoor(chat);
  wireDrawers();
  wireRooms(chat);
  wireTopic(chat);
  wireComposer(chat);
  wireNick(chat);
  wireChat(chat, link, messages);
  link.addEventListener("change", () => showLink(link, chat));
  link.addEventListener("goodbye", () => chat.pause());
  addEventListener("pageshow", (event) => event.persisted && chat.again());
  link.open();
  const memory = JSON.parse(sessionStorage.getItem(MEMORY) ?? "null");
  if (memory?.nick) {
    byId("enter-nick").value = memory.nick;
    chat.enter(memory.nick, memory);
  }
}

function wireChat(chat, link, messages) {
  const on = (type, handler) => chat.addEventListener(type, (event) => handler(event.detail));
  on("state", () => {
    const inside = !["out", "entering"].includes(chat.state);
    const changed = byId("app").hidden === inside;
    byId("door").hidden = inside;
    byId("app").hidden = !inside;
    byId("enter").classList.toggle("busy", chat.state === "entering");
    byId("enter").querySelector("[type=submit]").disabled = chat.state === "entering";
    if (changed) {
      byId(inside ? "load-in-app" : "load-at-door").append(byId("load"));
      (inside ? byId("text") : byId("enter-nick")).focus({ preventScroll: true });
    }
    if (chat.state === "in") sessionStorage.setItem(MEMORY, JSON.stringify(chat.remember()));
    if (chat.state === "displaced") byId("displaced").showModal();
    if (chat.state === "out") sessionStorage.removeItem(MEMORY);
    showMe(chat);
    showLink(link, chat);
  });
  on("rooms", () => {
    showRooms(chat, (name) => openRoom(chat, name));
    if (chat.state === "in") sessionStorage.setItem(MEMORY, JSON.stringify(chat.remember()));
  });
  on("room", (room) => {
    if (room && room === chat.room) showRoomHead(chat), showPeople(chat);
  });
  on("entries", ({ room, entries, whole }) => {
    if (!room || room !== chat.room) return;
    if (whole) {
      messages.showAll(room);
      messages.showTyping(room);
    } else {
      entries.forEach((entry) => messages.append(entry));
    }
    if (whole) byId("text").dispatchEvent(new CustomEvent("room", { detail: room }));
  });
  on("pending", (room) => room === chat.room && messages.showPending(room));
  on("typing", (room) => {
    if (room === chat.room) messages.showTyping(room), showPeople(chat);
  });
  on("refused", (message) => {
    byId("enter-error").textContent = message;
    byId("enter-nick").focus();
    byId("enter-nick").select();
  });
  on("failed", (message) => toast(message, "error"));
  on("resumed", (missed) => {
    const words = missed === 1 ? "one message was" : `${missed} messages were`;
    toast(missed ? `Back again; ${words} waiting for you` : "Back again; you missed nothing");
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && chat.room?.unread) {
      chat.room.unread = 0;
      showRooms(chat, (name) => openRoom(chat, name));
    }
  });
}

const FIRST = ["Amber", "Brisk", "Calm", "Clever", "Cosy", "Dapper", "Eager", "Gentle", "Lucky", "Merry", "Nimble", "Quiet", "Sunny", "Swift", "Witty"];
const LAST = ["Badger", "Crane", "Falcon", "Fox", "Gecko", "Heron", "Ibis", "Jackal", "Lynx", "Otter", "Owl", "Panda", "Robin", "Seal", "Wren"];
const pick = (list) => list[Math.floor(Math.random() * list.length)];

function wireDoor(chat) {
  const input = byId("enter-nick");
  byId("enter-dice").addEventListener("click", () => {
    input.value = `${pick(FIRST)} ${pick(LAST)}`;
    input.focus();
  });
  input.addEventListener("input", () => (byId("enter-error").textContent = ""));
  byId("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("enter-error").textContent = "";
    chat.enter(input.value);
  });
}

function openRoom(chat, name) {
  closeDrawers();
  return chat.open(name);
}

function wireRooms(chat) {
  byId("new-room").addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = byId("new-room-name");
    const before = chat.current;
    await chat.open(input.value.trim());
    if (chat.current === before) return input.select();
    input.value = "";
    closeDrawers();
    byId("text").focus();
  });
  byId("leave-room").addEventListener("click", () => chat.leave(chat.current));
  byId("sign-out").addEventListener("click", () => chat.leaveChat());
}

function wireTopic(chat) {
  const [button, form, input] = [byId("topic"), byId("topic-form"), byId("topic-input")];
  const edit = (open) => {
    button.hidden = open;
    form.hidden = !open;
    if (open) input.focus(), input.select();
  };
  button.addEventListener("click", () => {
    input.value = chat.room.topic;
    edit(true);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (input.value === chat.room.topic || (await chat.setTopic(input.value))) edit(false), button.focus();
  });
  input.addEventListener("keydown", (event) => event.key === "Escape" && (edit(false), button.focus()));
  input.addEventListener("blur", () => edit(false));
}

function wireComposer(chat) {
  const input = byId("text");
  let toldAt = null;
  let silence = null;
  const stop = () => {
    clearTimeout(silence);
    if (toldAt !== null) chat.types(false);
    toldAt = null;
  };
  const grow = () => {
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight + 2}px`;
    const left = input.maxLength - input.value.length;
    byId("left").textContent = left < 200 ? left : "";
  };
  input.addEventListener("input", () => {
    grow();
    chat.room.draft = input.value;
    if (!input.value.trim()) return stop();
    clearTimeout(silence);
    silence = setTimeout(stop, TYPING_AGAIN);
    if (toldAt !== null && performance.now() - toldAt < TYPING_AGAIN) return;
    toldAt = performance.now();
    chat.types(true);
  });
  input.addEventListener("keydown", (event) => {
    // A phone's keyboard has no Shift+Enter, and Enter may end a word that is still being composed.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("composer").requestSubmit();
  });
  input.addEventListener("room", (event) => {
    input.value = event.detail.draft;
    toldAt = null;
    grow();
  });
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text || !chat.room) return;
    chat.say(text);
    toldAt = null;
    clearTimeout(silence);
    input.value = chat.room.draft = "";
    grow();
    input.focus();
  });
}

function wireNick(chat) {
  const [dialog, input, error] = [byId("rename"), byId("rename-nick"), byId("rename-error")];
  byId("me").addEventListener("click", () => {
    closeDrawers();
    input.value = chat.nick;
    error.textContent = "";
    dialog.showModal();
    input.select();
  });
  byId("rename-cancel").addEventListener("click", () => dialog.close());
  input.addEventListener("input", () => (error.textContent = ""));
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await chat.rename(input.value);
    if (answer.ok) dialog.close();
    else error.textContent = answer.message;
  });
  byId("displaced-back").addEventListener("click", () => {
    byId("displaced").close();
    chat.again();
  });
  byId("displaced").addEventListener("cancel", (event) => event.preventDefault());
}

function wireDrawers() {
  for (const button of document.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => {
      const drawer = byId(button.dataset.open);
      drawer.classList.add("open");
      byId("shade").hidden = false;
      button.setAttribute("aria-expanded", "true");
      drawer.querySelector("[data-close]").focus();
    });
  }
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", closeDrawers);
  byId("shade").addEventListener("click", closeDrawers);
  addEventListener("keydown", (event) => event.key === "Escape" && closeDrawers());
}

function closeDrawers() {
  for (const drawer of document.querySelectorAll(".side.open")) {
    drawer.classList.remove("open");
    const opener = document.querySelector(`[data-open=${drawer.id}]`);
    opener.setAttribute("aria-expanded", "false");
    opener.focus();
  }
  byId("shade").hidden = true;
}

if (globalThis.io) {
  start();
} else {
  document.body.prepend(h("p", { className: "banner", role: "alert" },
    "The Socket.IO client is not there. The answer to /socket.io/socket.io.min.js says how to get it."));
}
