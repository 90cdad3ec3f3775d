// Connects as the page's options say. Each connection needs a ticket of its own: the first is in
// the page, others are fetched.

export function connect(namespace) {
  const options = JSON.parse(document.getElementById("sio-options").textContent);
  let ticket = options.auth.ticket;
  return io(namespace, {
    ...options,
    auth(done) {
      const first = ticket;
      ticket = null;
      if (first) {
        done({ ticket: first });
      } else {
        fetch(options.path + "ticket", { method: "POST" })
          .then((response) => response.json())
          .then(done, () => done({}));
      }
    },
  });
}
