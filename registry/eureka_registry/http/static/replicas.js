/* DS Replicas: who sees whom, how far behind, how much waits, and whether both hold the same. */

import { byId, el, link, refill } from "./dom.js";
import { count } from "./format.js";

const MOST_IDS = 5;

/** A peer's own page, from its service URL: what lies above `eureka/` or `eureka/v2/`. */
const pageOf = (url) => url.replace(/eureka\/(v2\/)?$/, "");

/** What one peer says of another; undefined where nothing is known. */
function told(sees, name) {
  return sees && Object.hasOwn(sees, name) ? sees[name] : undefined;
}

/** Fill the section; it is built again only when something in it changed. */
export function showReplicas(state) {
  const { peers, replicas, peer } = state;
  const signature = JSON.stringify([peers, replicas, peer.name]);
  refill(byId("replicas"), signature, () => {
    if (!peers.length) return [el("p", { class: "quiet" }, "No replicas: this peer runs alone.")];
    return [matrix(peer.name, peers), ...trouble(peers)];
  });
}

function matrix(self, peers) {
  const names = [self, ...peers.map(({ name }) => name)];
  const columns = names.map((name, place) => el("th", { scope: "col" }, heading(name, peers[place - 1])));
  const own = new Map(peers.map((peer) => [peer.name, peer]));
  const lines = [line(`${self} (this peer)`, names, self, (name) => own.get(name))];
  for (const { name, sees } of peers) lines.push(line(name, names, name, (other) => told(sees, other)));
  const head = el("tr", {}, el("th", { scope: "col", class: "corner" }, "sees →"), ...columns);
  const label = "Peer matrix: each line is what one peer sees of the others";
  const table = el("table", { class: "matrix" }, el("thead", {}, head), el("tbody", {}, ...lines));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

function heading(name, peer) {
  if (!peer) return name;
  const title = peer.kind === "java" ? el("small", {}, " Java") : "";
  return el("span", {}, link(name, pageOf(peer.url)), title);
}

function line(title, names, observer, seen) {
  const cells = names.map((name) => (name === observer ? el("td", { class: "self" }, "–") : cell(seen(name))));
  return el("tr", {}, el("th", { scope: "row" }, title), ...cells);
}

function cell(view) {
  if (!view) return el("td", { class: "quiet", title: "That peer does not say" }, "unknown");
  const mark = el("span", { class: "status", "data-status": view.available ? "UP" : "DOWN" });
  mark.append(view.available ? "available" : "unavailable");
  const lag = Number.isFinite(view.lag_ms) ? `lag ${count(view.lag_ms)} ms` : "lag –";
  const figures = el("span", { class: "figures" }, `${lag} · backlog ${count(view.backlog)}`);
  const agreement = el("span", { class: "agreement", "data-agreement": view.agreement }, agreed(view.agreement));
  return el("td", {}, mark, figures, agreement);
}

const agreed = (agreement) => (agreement === "unknown" || !agreement ? "agreement unknown" : agreement);

/** In words: why a peer is unavailable, and where it holds something else. */
function trouble(peers) {
  const said = [];
  for (const { name, url, available, why, diverged } of peers) {
    if (!available) said.push(el("li", {}, el("b", {}, name), " ", link(url, url), ` is unavailable: ${why ?? "reason unknown"}`));
    for (const { app, ids } of diverged ?? []) {
      const left = ids.length - MOST_IDS;
      const more = left > 0 ? ` and ${count(left)} more` : "";
      said.push(el("li", {}, el("b", {}, name), ` differs in ${app}: ${ids.slice(0, MOST_IDS).join(", ")}${more}`));
    }
  }
  return said.length ? [el("ul", { class: "trouble" }, ...said)] : [];
}
