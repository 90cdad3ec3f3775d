// The one connection under both namespaces: how it runs, and how fast.

const PING_EVERY = 5000;

export class Link extends EventTarget {
  /** `latency` in milliseconds, or null before the first answer. */
  latency = null;
  up = false;

  constructor() {
    super();
    const forced = new URLSearchParams(location.search).get("transports");
    this.manager = new globalThis.io.Manager(location.origin, {
      path: new URL("socket.io/", document.baseURI).pathname,
      autoConnect: false,
      reconnectionDelay: 400,
      reconnectionDelayMax: 3000,
      ...(forced ? { transports: forced.split(",") } : {}),
    });
    this.load = this.manager.socket("/load");
    this.load.on("connect", () => this.#change(true));
    this.load.on("disconnect", () => this.#change(false));
    this.manager.on("open", () => {
      this.manager.engine.on("upgrade", () => this.#change(this.up));
    });
    setInterval(() => this.#measure(), PING_EVERY);
    // Whoever closes the page says goodbye; a page that comes back out of the browser's cache goes on.
    addEventListener("pagehide", () => this.dispatchEvent(new Event("goodbye")));
  }

  open() {
    this.load.connect();
  }

  get transport() {
    const name = this.manager.engine?.transport?.name;
    return { websocket: "WebSocket", polling: "Polling" }[name] ?? name ?? "";
  }

  #change(up) {
    this.up = up;
    if (!up) this.latency = null;
    this.dispatchEvent(new Event("change"));
    if (up) this.#measure();
  }

  async #measure() {
    if (!this.up) return;
    const begun = performance.now();
    try {
      await this.load.timeout(PING_EVERY).emitWithAck("echo");
      this.latency = performance.now() - begun;
    } catch {
      this.latency = null;
    }
    this.dispatchEvent(new Event("change"));
  }
}
