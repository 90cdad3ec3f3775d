// The page of 2013: the client of that year, and JavaScript as one wrote it then.

(function () {
  "use strict";

  var socket = io.connect("/pycon2013");
  var rooms = {};
  var current = null;
  var me = "";

  function byId(id) {
    return document.getElementById(id);
  }

  function status(text) {
    byId("status").textContent = text;
  }

  function lineOf(event) {
    var line = document.createElement("li");
    var time = document.createElement("time");
    time.textContent = event.timestamp.slice(11, 16);
    line.appendChild(time);
    var said = event.type === "statement";
    line.className = event.type + (event.user === me ? " mine" : "");
    line.appendChild(document.createTextNode(said ? event.user + ": " + event.message : event.message));
    return line;
  }

  function draw() {
    var room = rooms[current];
    byId("title").textContent = room ? current : "";
    byId("topic").textContent = room ? room.topic : "";
    byId("lines").innerHTML = "";
    (room ? room.events : []).forEach(function (event) {
      byId("lines").appendChild(lineOf(event));
    });
    byId("tabs").innerHTML = "";
    Object.keys(rooms).forEach(function (name) {
      var tab = document.createElement("button");
      tab.textContent = name;
      tab.setAttribute("aria-pressed", String(name === current));
      tab.addEventListener("click", function () {
        current = name;
        draw();
      });
      byId("tabs").appendChild(tab);
    });
  }

  function hear(name) {
    socket.on(name + "_event", function (event) {
      var room = rooms[name];
      if (!room) {
        return;
      }
      room.events.push(event);
      if (event.topic !== undefined) {
        room.topic = event.topic;
      }
      draw();
    });
  }

  socket.on("connect", function () {
    // After a reconnection everything comes anew.
    rooms = {};
    status("connected by " + socket.socket.transport.name);
    if (me && me.indexOf("user_") !== 0) {
      socket.emit("nick", me);
    }
  });
  socket.on("disconnect", function () {
    status("disconnected");
  });
  socket.on("connect_failed", function (reason) {
    status("refused: " + reason);
  });

  socket.on("nick_set", function (answer) {
    me = answer.reason.replace("You are ", "");
    byId("nick").value = me;
    status(answer.reason);
  });
  socket.on("room_joined", function (answer) {
    var name = answer.room.slug;
    if (!socket.listeners(name + "_event").length) {
      hear(name);
    }
    rooms[name] = { topic: answer.room.topic, events: answer.backlog };
    current = name;
    status(answer.reason);
    draw();
  });
  socket.on("room_left", function (answer) {
    delete rooms[answer.room];
    current = Object.keys(rooms)[0] || null;
    status(answer.reason);
    draw();
  });
  socket.on("topic_changed", function (answer) {
    status(answer.reason);
  });
  socket.on("refused", function (answer) {
    status(answer.reason);
  });

  function onSubmit(form, field, send) {
    byId(form).addEventListener("submit", function (event) {
      event.preventDefault();
      var value = byId(field).value;
      if (value) {
        send(value);
      }
    });
  }

  onSubmit("nick-form", "nick", function (name) {
    socket.emit("nick", name);
  });
  onSubmit("join-form", "room", function (name) {
    socket.emit("join", name);
    byId("room").value = "";
  });
  onSubmit("say-form", "text", function (text) {
    if (text.indexOf("/topic ") === 0) {
      socket.emit("topic", current, text.slice(7));
    } else {
      socket.emit("statement", current, text);
    }
    byId("text").value = "";
  });
  byId("leave").addEventListener("click", function () {
    socket.emit("leave", current);
  });
})();
