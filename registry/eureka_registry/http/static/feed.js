/* Reading a document again and again: conditional requests, back-off, and honesty about failures. */

import { ask } from "./credentials.js";
import { clock } from "./format.js";
import { byId, el, setText } from "./dom.js";

const VISIBLE_MS = 2_000;
const HIDDEN_MS = 30_000;
const LONGEST_MS = 30_000;
const TIMEOUT_MS = 10_000;

/** What went wrong with a request, in words. */
function reason(error) {
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  return error instanceof TypeError ? "cannot connect" : error.message;
}

/** A document behind a URL of our own server, fetched only if its ETag changed. */
export class Resource {
  constructor(url) {
    this.url = url;
    this.etag = null;
  }

  /** The parsed document, or null if it is the one we have; throws an Error that says why not. */
  async load() {
    const headers = { Accept: "application/json" };
    if (this.etag) headers["If-None-Match"] = this.etag;
    const options = { headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
    const response = await ask(this.url, options);
    if (response.status === 304) return null;
    if (!response.ok) throw new Error(`the peer answered ${response.status} ${response.statusText}`.trim());
    const document = await response.json();
    this.etag = response.headers.get("ETag");
    return document;
  }
}

/**
 * Polls: every 2 s while the page is visible, seldom while it is hidden, ever more slowly while
 * the peer does not answer. `poll` does one round and throws when it fails.
 */
export class Feed {
  constructor(poll) {
    this.poll = poll;
    this.failures = 0;
    this.heardMs = null;
    this.timer = null;
    this.running = false;
    document.addEventListener("visibilitychange", () => document.hidden || this.now());
    addEventListener("online", () => this.now());
    setInterval(() => this.show(), 1000);
    this.now();
  }

  get lost() {
    return this.failures > 0;
  }

  /** Do a round at once. */
  async now() {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    clearTimeout(this.timer);
    await this.round();
    this.running = false;
    this.schedule();
  }

  async round() {
    try {
      await this.poll();
      this.failures = 0;
      this.heardMs = Date.now();
    } catch (error) {
      this.failures += 1;
      this.why = reason(error);
    }
  }

  schedule() {
    const usual = document.hidden ? HIDDEN_MS : VISIBLE_MS;
    const backedOff = Math.min(LONGEST_MS, VISIBLE_MS * 2 ** Math.min(this.failures - 1, 8));
    const waitMs = this.again ? 0 : this.lost ? Math.max(usual, backedOff) : usual;
    this.again = false;
    this.nextMs = Date.now() + waitMs;
    this.timer = setTimeout(() => this.now(), waitMs);
    this.show();
  }

  /** Say whether what the page shows is current. */
  show() {
    if (this.heardMs === null && !this.lost) return;
    const live = byId("live");
    live.dataset.state = this.lost ? "lost" : "live";
    setText(live, this.lost ? "connection lost" : "live");
    document.body.classList.toggle("stale", this.lost);
    this.showLost(byId("lost"));
  }

  showLost(banner) {
    banner.hidden = !this.lost;
    if (!this.lost) return;
    if (!banner.firstChild) this.buildLost(banner);
    const since = this.heardMs ? `What you see is as of ${clock(this.heardMs)}.` : "Nothing was read yet.";
    const left = Math.ceil((this.nextMs - Date.now()) / 1000);
    setText(this.said, `Connection lost (${this.why}). ${since} `);
    setText(this.wait, this.running || left <= 0 ? "Retrying… " : `Retrying in ${left} s. `);
  }

  buildLost(banner) {
    this.said = el("span", { role: "alert" });
    this.wait = el("span");
    const retry = el("button", { type: "button", onclick: () => this.now() }, "Retry now");
    banner.replaceChildren(this.said, this.wait, retry);
  }
}
