// A stranger knocks.

import { connect } from "./connect.js";

const answer = document.getElementById("answer");

document.getElementById("try").addEventListener("click", () => {
  answer.textContent = "";
  const socket = connect("/board");
  socket.on("connect_error", (error) => {
    answer.textContent = `connect_error: ${error.message}`;
    socket.disconnect();
  });
  socket.on("connect", () => {
    answer.textContent = "Connected: you are logged in already.";
  });
});
