/* Everything of `dashboard/state` but the peers: status, self-preservation, general info. */

import { byId, el, link, refill, setText } from "./dom.js";
import { count, span, stamp } from "./format.js";

const MOST_SHORT = 12;

/** The figures that change by themselves, once a second. */
export function tick(state, nowMs) {
  field("now", stamp(nowMs));
  field("uptime", span((nowMs - state.started_ms) / 1000));
}

function field(name, text) {
  setText(document.querySelector(`[data-field="${name}"]`), text);
}

/** Fill in the page from a state; `onApp(app)` when the reader wants to see an application. */
export function showState(state, onApp) {
  showHeader(state);
  field("environment", state.environment);
  field("datacenter", state.datacenter);
  field("place", `${state.region}, ${state.zone}`);
  field("release", state.peer.version);
  field("url", state.peer.url);
  field("expiration", String(state.lease_expiration_enabled));
  field("threshold", count(state.renews_threshold));
  field("renews", `${count(state.renews_last_minute)} of ${count(state.renews_expected)} expected`);
  showProblem(state.problem);
  showPreservation(state.self_preservation, onApp);
  showGeneral(state);
}

function showHeader(state) {
  const { name, state: condition, why } = state.peer;
  setText(byId("peer-name"), name);
  setText(byId("peer-state"), condition);
  byId("peer-state").dataset.state = condition;
  document.title = `${name} · ${count(state.totals.instances)} instances · Eureka`;
  const banner = byId("not-ready");
  banner.hidden = condition === "ready";
  const reason = why ? `: ${why}` : "";
  setText(banner, condition === "ready" ? "" : `This peer is ${condition}${reason}.`);
}

/** A file of settings or peers that cannot be used: what it said last that could is in force. */
function showProblem(problem) {
  const banner = byId("problem");
  banner.hidden = !problem;
  setText(banner, problem ? `The last good settings and peers stay: ${problem}.` : "");
}

function showPreservation(preservation, onApp) {
  const { enabled, active, sentence } = preservation;
  const banner = byId("preservation");
  banner.hidden = enabled && !active;
  banner.className = `banner ${active ? "bad" : "warn"}`;
  setText(byId("sentence"), banner.hidden ? sentence : "");
  const title = active ? "Self-preservation is active" : "The self preservation mode is turned off";
  refill(banner, JSON.stringify(preservation), () => [
    el("p", {}, el("strong", {}, `${title}. `), sentence),
    preservation.short.length ? shortTable(preservation.short, onApp) : null,
  ].filter(Boolean));
}

/** The applications whose renewals are missing, the worst first. */
function shortTable(short, onApp) {
  const worst = [...short].sort((one, other) => other.missing - one.missing);
  const lines = worst.slice(0, MOST_SHORT).map(({ app, leases, on_time: onTime, missing }) => {
    const name = el("button", { type: "button", class: "link", onclick: () => onApp(app) }, app);
    const figures = [leases, onTime, missing].map((number) => el("td", { class: "number" }, count(number)));
    return el("tr", {}, el("th", { scope: "row" }, name), ...figures);
  });
  const heads = ["Short application", "Leases", "On time", "Overdue"];
  const head = el("tr", {}, ...heads.map((text, place) => el("th", { scope: "col", class: place ? "number" : null }, text)));
  const left = worst.length - MOST_SHORT;
  const table = el("table", { class: "short" }, el("thead", {}, head), el("tbody", {}, ...lines));
  return el("div", { class: "scroll" }, table, left > 0 ? el("p", {}, `and ${count(left)} more applications`) : null);
}

/** Spring's General Info and Instance Info, names and all. */
function showGeneral({ general, environment, replicas, instance, links }) {
  const unavailable = replicas.unavailable.map(({ url, why }) => (why ? `${url} (${why})` : url));
  const facts = {
    ...general,
    environment,
    "registered-replicas": replicas.registered.join(", "),
    "unavailable-replicas": unavailable.join(", "),
    "available-replicas": replicas.available.join(", "),
  };
  showFacts(byId("general"), facts);
  showFacts(byId("own"), instance ?? { ipAddr: "–", status: "not registered with itself" });
  refill(byId("links"), JSON.stringify(links), () => (links ?? []).flatMap(
    (entry) => [typeof entry === "string" ? link(entry, entry) : link(entry.text ?? entry.url, entry.url), " "],
  ));
}

function showFacts(body, facts) {
  refill(body, JSON.stringify(facts), () => Object.entries(facts).map(
    ([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, String(value) || "–")),
  ));
}
