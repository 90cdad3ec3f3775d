// The board's page: it shows what it hears, and asks. Whether it may is the server's business.

import { connect } from "./connect.js";

const byId = (id) => document.getElementById(id);
const socket = connect("/board");
let corner = "everybody";

function tell(text, kind) {
  byId("state-text").textContent = text;
  byId("state").className = `state is-${kind}`;
}

function complain(text) {
  byId("trouble").textContent = text;
}

function hue(name) {
  return [...name].reduce((sum, char) => sum * 31 + char.codePointAt(0), 7) % 360;
}

function show(pin) {
  const item = document.createElement("li");
  const author = document.createElement("small");
  item.append(pin.text, author);
  author.textContent = pin.author;
  item.style.setProperty("--hue", hue(pin.author));
  byId("pins").prepend(item);
}

async function look(wanted) {
  const answer = await socket.emitWithAck("look", wanted);
  if (!Array.isArray(answer)) {
    complain(`${wanted}: ${answer.error}`);
    return;
  }
  corner = wanted;
  complain("");
  for (const button of document.querySelectorAll("[data-corner]")) {
    button.setAttribute("aria-pressed", button.dataset.corner === corner);
  }
  byId("pins").replaceChildren();
  answer.forEach(show);
}

socket.on("connect", () => {
  tell("Connected", "good");
  look(corner);
});
socket.on("disconnect", (reason) => {
  const revoked = reason === "io server disconnect";
  tell(revoked ? "You may not be here any more" : "Connection lost", revoked ? "bad" : "warn");
});
socket.on("connect_error", (error) => tell(`Not let in: ${error.message}`, "bad"));
socket.on("pinned", show);
socket.on("people", (people) => {
  byId("people").replaceChildren(...people.map(entry));
});

function entry(person) {
  const item = document.createElement("li");
  const who = document.createElement("span");
  who.className = "who";
  who.textContent = person.role === "keeper" ? `${person.name}, keeper` : person.name;
  item.classList.toggle("is-suspended", person.suspended);
  item.append(who);
  if (person.role !== "keeper") {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = person.suspended ? "Let in" : "Suspend";
    button.addEventListener("click", () => suspend(person));
    item.append(button);
  }
  return item;
}

async function suspend(person) {
  const answer = await socket.emitWithAck("suspend", person.name, !person.suspended);
  complain(answer ? `suspend: ${answer.error}` : "");
}

for (const button of document.querySelectorAll("[data-corner]")) {
  button.addEventListener("click", () => look(button.dataset.corner));
}

byId("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await socket.emitWithAck("pin", byId("text").value);
  if (answer.error) {
    complain(answer.error);
  } else {
    complain("");
    byId("text").value = "";
  }
});
