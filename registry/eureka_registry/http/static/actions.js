/* One instance in a dialog: all that is known of it, and what can be done to it, each confirmed. */

import { ask } from "./credentials.js";
import { byId, el, link, setText, statusMark } from "./dom.js";
import { age, stamp } from "./format.js";

const TIMEOUT_MS = 10_000;
const MOST_ERROR = 300;
const STAYS = "It stays registered and its lease is kept";

/** What can be done: the request, and in words what will happen. */
export const ACTIONS = {
  out: {
    label: "Take out of service…",
    confirm: "Take out of service",
    question: "Take this instance out of service?",
    outcome: () => `Clients stop getting it within 30 s. ${STAYS}; it comes back only when an operator puts it back.`,
    done: "is out of service",
    method: "PUT",
    path: (row) => `${pathOf(row)}/status?value=OUT_OF_SERVICE`,
  },
  back: {
    label: "Back in service…",
    confirm: "Put back in service",
    question: "Put this instance back in service?",
    outcome: () => "The operator's override is removed; its status is UP until its client says otherwise. Clients get it again within 30 s.",
    done: "is back in service",
    method: "DELETE",
    path: (row) => `${pathOf(row)}/status?value=UP`,
  },
  remove: {
    label: "Remove…",
    confirm: "Remove",
    question: "Remove this instance from the registry?",
    outcome: (row) => `Its lease is cancelled here and at the replicas; clients stop getting it within 30 s. If it still lives, its client registers it again with its next renewal (every ${row.renewal_interval_s ?? 30} s).`,
    done: "was removed",
    method: "DELETE",
    path: (row) => pathOf(row),
    danger: true,
  },
};

/** An instance's address in the API; throws where a browser would resolve it to another resource. */
function pathOf({ app, id }) {
  for (const part of [app, id]) {
    if (part === "" || part === "." || part === "..") throw new Error(`"${part}" cannot be part of an address`);
  }
  return `eureka/apps/${encodeURIComponent(app)}/${encodeURIComponent(id)}`;
}

/** Do an action; throws an Error that says what the registry answered. */
export async function perform(action, row) {
  const options = { method: action.method, signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" };
  const response = await ask(action.path(row), options);
  if (response.ok) return;
  if (response.status === 404) throw new Error("The registry does not know this instance any more (404).");
  const body = (await response.text()).slice(0, MOST_ERROR);
  throw new Error(`The registry answered ${response.status} ${response.statusText}. ${body}`.trim());
}

function saying(error) {
  if (error.name === "TimeoutError") return `No answer within ${TIMEOUT_MS / 1000} s: it may or may not have happened.`;
  return error instanceof TypeError ? "Cannot connect to the registry. Nothing is known to have changed." : error.message;
}

/** The dialog. */
export class InstanceDialog {
  /** `onDone()` after an action, `nowMs()` is the peer's time. */
  constructor({ onDone, nowMs }) {
    this.dialog = byId("instance-dialog");
    this.content = byId("dialog-content");
    this.buttons = byId("dialog-buttons");
    this.onDone = onDone;
    this.nowMs = nowMs;
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => this.closed());
  }

  /** Show an instance. */
  open(row, allowed) {
    this.allowed = allowed;
    if (!this.dialog.open) this.dialog.showModal();
    this.details(row);
  }

  /** The event comes late: by then another instance may be on the screen. */
  closed() {
    if (!this.dialog.open) this.row = null;
  }

  /** Newer data came: show it, unless a question is on the screen. */
  refresh(byKey) {
    if (!this.row || this.asking) return;
    const newer = byKey.get(this.row.key);
    if (newer === this.row) return;
    if (!newer) this.say("This instance is no longer registered.");
    else if (JSON.stringify(newer) !== JSON.stringify(this.row)) this.details(newer);
  }

  say(text) {
    setText(byId("dialog-error"), text);
  }

  details(row) {
    this.row = row;
    this.asking = false;
    this.say("");
    byId("dialog-title").textContent = `${row.app} / ${row.id}`;
    this.content.replaceChildren(facts(row, this.nowMs()), note(row, this.allowed));
    const close = el("button", { type: "button", onclick: () => this.dialog.close() }, "Close");
    const possible = this.allowed ? possibleActions(row).map((action) => this.button(action)) : [];
    this.buttons.replaceChildren(...possible, close);
    (possible[0] ?? close).focus();
  }

  button(action) {
    const look = action.danger ? "danger" : null;
    return el("button", { type: "button", class: look, onclick: () => this.ask(action) }, action.label);
  }

  ask(action) {
    const row = this.row;
    this.asking = true;
    this.say("");
    byId("dialog-title").textContent = action.question;
    this.content.replaceChildren(
      el("p", { class: "named" }, el("b", {}, row.app), el("br"), el("code", {}, row.id), el("br"), row.address),
      el("p", {}, action.outcome(row)),
    );
    const cancel = el("button", { type: "button", onclick: () => this.details(row) }, "Cancel");
    const look = action.danger ? "danger solid" : "solid";
    const confirm = el("button", { type: "button", class: look, onclick: () => this.run(action, row, confirm) }, action.confirm);
    this.buttons.replaceChildren(confirm, cancel);
    cancel.focus();
  }

  async run(action, row, confirm) {
    confirm.disabled = true;
    this.say("");
    try {
      await perform(action, row);
    } catch (error) {
      confirm.disabled = false;
      if (this.row === row) this.say(saying(error));
      else toast(`${row.app} / ${row.id}: ${saying(error)}`);
      return;
    }
    if (this.row === row) this.dialog.close();
    toast(`${row.app} / ${row.id} ${action.done}.`);
    this.onDone();
  }
}

/** What makes sense for an instance: only an operator's override can be taken back. */
function possibleActions(row) {
  const first = row.overridden ? [ACTIONS.back] : [];
  if (row.overridden !== "OUT_OF_SERVICE") first.push(ACTIONS.out);
  return [...first, ACTIONS.remove];
}

function note(row, allowed) {
  if (!allowed) return el("p", { class: "quiet" }, "Actions are switched off on this peer.");
  const own = row.status === "OUT_OF_SERVICE" && !row.overridden;
  return el("p", { class: "quiet" }, own ? "It is out of service by its own report: only its client can change that." : "");
}

function facts(row, nowMs) {
  const since = (ms) => (ms ? `${stamp(ms)} (${age(ms, nowMs)})` : "–");
  const page = (url) => (url ? link(url, url) : "–");
  const list = [
    ["Status", statusMark(row.status)],
    ["Override", row.overridden ?? "none"],
    ["Host name", row.host],
    ["IP address", row.ip],
    ["Port", row.port ?? "disabled"],
    ["Secure port", row.secure_port ?? "disabled"],
    ["Availability zone", row.zone || "n/a"],
    ["AMI", row.ami ?? "n/a"],
    ["VIP address", row.vip ?? "–"],
    ["Status page", page(row.status_url)],
    ["Home page", page(row.home_url)],
    ["Registered", since(row.registered_ms)],
    ["Last updated", since(row.updated_ms)],
    ["Lease", `renewed every ${row.renewal_interval_s} s, expires after ${row.duration_s} s`],
  ];
  const lines = list.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  return el("dl", { class: "facts one" }, ...lines);
}

let fading = null;

function toast(text) {
  setText(byId("toast"), text);
  clearTimeout(fading);
  fading = setTimeout(() => setText(byId("toast"), ""), 6000);
}
