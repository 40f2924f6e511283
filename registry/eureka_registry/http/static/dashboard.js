/* The page: joins the feed, the filters, the two tables and the dialog. */

import { InstanceDialog } from "./actions.js";
import { ApplicationTable } from "./applications.js";
import { listen as listenForToken } from "./credentials.js";
import { byId, el, isShortcut, refill, setText } from "./dom.js";
import { Feed, Resource } from "./feed.js";
import { count, counted } from "./format.js";
import { InstanceGrid } from "./grid.js";
import { STATUSES, decode, select } from "./model.js";
import { showState, tick } from "./overview.js";
import { showReplicas } from "./replicas.js";
import { isFiltered, readView, unfiltered, writeView } from "./view.js";

/** Reading the instances may take this share of the time: a big registry is read less often. */
const MOST_BUSY = 1 / 10;

const stateSource = new Resource("dashboard/state");
const rowsSource = new Resource("dashboard/instances");

let state = null;
let data = null;
let view = readView();
let aheadMs = 0;
let restUntilMs = 0;

const nowMs = () => Date.now() + aheadMs;
const applications = new ApplicationTable(byId("applications"), byId("more"), showApp);
const dialog = new InstanceDialog({ onDone: () => feed.now(), nowMs });
const grid = new InstanceGrid(byId("grid"), {
  onOpen: (row) => dialog.open(row, state.actions),
  onSort: (sort) => change({ sort }),
  nowMs,
});
const feed = new Feed(poll);
listenForToken(() => feed.now());

async function poll() {
  const newer = await stateSource.load();
  if (newer) takeState(newer);
  const stale = !data || data.version !== state.version;
  if (stale && performance.now() >= restUntilMs) await readRows();
}

function takeState(newer) {
  state = newer;
  aheadMs = state.now_ms - Date.now();
  showState(state, showApp);
  showReplicas(state);
  tick(state, nowMs());
}

async function readRows() {
  const startMs = performance.now();
  const document = await rowsSource.load();
  if (!document) return;
  data = decode(document);
  // The document may be newer than the state that made us read it; then the next state names it.
  refill(byId("apps"), data.apps.join("\n"), () => data.apps.map((app) => el("option", { value: app })));
  render();
  dialog.refresh(data.byKey);
  const spentMs = performance.now() - startMs;
  restUntilMs = performance.now() + spentMs / MOST_BUSY - spentMs;
}

/** Change what is asked for, and show it. */
function change(part) {
  view = { ...view, ...part };
  writeView(view);
  render({ top: true });
}

function showApp(app, status = null) {
  change({ ...unfiltered(view), view: "instances", app, statuses: status ? [status] : [] });
  byId("instances-heading").scrollIntoView();
  grid.focus();
}

function render({ top = false } = {}) {
  showControls();
  if (!data) return;
  const found = select(data, view);
  showChoices(found);
  const empty = found.rows.length === 0;
  byId("applications").hidden = empty || view.view !== "applications";
  byId("grid").hidden = empty || view.view !== "instances";
  if (view.view === "instances") grid.setRows(found.rows, view.sort, { top });
  else applications.setRows(found.rows, { top });
  showCount(found.rows);
  showNothing(empty);
}

function showControls() {
  for (const name of ["search", "app"]) {
    const value = name === "search" ? view.q : view.app;
    if (byId(name).value !== value) byId(name).value = value;
  }
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view.view));
  }
  byId("clear").hidden = !isFiltered(view);
}

function showChoices({ zones, statuses }) {
  const known = view.zone === null || data.zones.includes(view.zone) ? data.zones : [...data.zones, view.zone];
  const total = [...zones.values()].reduce((sum, number) => sum + number, 0);
  refill(byId("zone"), JSON.stringify([known, [...zones], view.zone]), () => [
    el("option", { value: "*", selected: view.zone === null }, `Any zone (${count(total)})`),
    ...known.map((zone) => {
      const selected = view.zone === zone;
      return el("option", { value: `=${zone}`, selected }, `${zone || "n/a"} (${count(zones.get(zone) ?? 0)})`);
    }),
  ]);
  for (const chip of byId("statuses").children) {
    const status = chip.dataset.chip;
    const chosen = view.statuses.includes(status);
    chip.setAttribute("aria-pressed", String(chosen));
    chip.hidden = !chosen && !data.rows.some((row) => row.status === status);
    setText(chip.lastChild, count(statuses.get(status) ?? 0));
  }
}

function showCount(rows) {
  const apps = new Set(rows.map((row) => row.app)).size;
  const shown = isFiltered(view) ? `${count(rows.length)} of ${counted(data.rows.length, "instance")}` : counted(rows.length, "instance");
  setText(byId("count"), `${shown} in ${counted(apps, "application")}`);
}

/** What to say when there is nothing to show, or nothing but the registry itself. */
function showNothing(empty) {
  const own = data.rows.find((row) => row.id === state.instance?.instanceId)?.app;
  const fresh = data.rows.every((row) => row.app === own);
  const box = byId("nothing");
  box.hidden = !fresh && !empty;
  refill(box, `${empty} ${fresh}`, () => {
    if (!fresh) return [el("p", {}, "No instance fits these filters.")];
    return [el("p", {}, own ? "No instances but the registry's own." : "No instances available."), ...howToRegister()];
  });
}

function howToRegister() {
  const url = new URL("eureka/", location).href.replaceAll("'", "%27");
  const instance = {
    instanceId: "hello:8080", hostName: "localhost", app: "HELLO", ipAddr: "127.0.0.1", status: "UP",
    port: { $: 8080, "@enabled": "true" },
    dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
  };
  const body = JSON.stringify({ instance });
  return [
    el("p", {}, "A Spring Boot application registers with this line in its application.properties:"),
    el("pre", { tabindex: "0" }, `eureka.client.service-url.defaultZone=${url}`),
    el("p", {}, "Any other client registers with one request, and renews with a PUT every 30 s:"),
    el("pre", { tabindex: "0" }, `curl -H 'Content-Type: application/json' '${url}apps/HELLO' -d '${body}'`),
  ];
}

function listen() {
  byId("search").addEventListener("input", (event) => change({ q: event.target.value }));
  byId("app").addEventListener("input", (event) => change({ app: event.target.value.trim() }));
  byId("zone").addEventListener("change", ({ target }) => change({ zone: target.value === "*" ? null : target.value.slice(1) }));
  byId("clear").addEventListener("click", () => clear());
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => change({ view: button.dataset.view }));
  }
  addEventListener("hashchange", () => {
    view = readView();
    render({ top: true });
  });
  byId("search").addEventListener("keydown", searchKey);
  addEventListener("keydown", shortcut);
  setInterval(() => state && !feed.lost && tick(state, nowMs()), 1000);
}

function clear() {
  change(unfiltered(view));
  byId("search").focus();
}

function searchKey(event) {
  if (event.key === "ArrowDown" || event.key === "Enter") {
    event.preventDefault();
    (view.view === "instances" ? grid : applications).focus();
  }
  if (event.key !== "Escape") return;
  event.preventDefault();
  if (view.q) change({ q: "" });
  else event.target.blur();
}

function shortcut(event) {
  if (isShortcut(event, "/")) {
    event.preventDefault();
    byId("search").focus();
    byId("search").select();
  }
  if (isShortcut(event, "v")) change({ view: view.view === "instances" ? "applications" : "instances" });
}

function buildChips() {
  const chips = STATUSES.map((status) => {
    const toggle = () => {
      const others = view.statuses.filter((other) => other !== status);
      change({ statuses: others.length < view.statuses.length ? others : [...others, status] });
    };
    const attributes = { type: "button", "data-chip": status, "aria-pressed": "false", hidden: true, onclick: toggle };
    return el("button", attributes, el("span", { class: "status", "data-status": status }, status), " ", el("span", {}, "0"));
  });
  byId("statuses").replaceChildren(...chips);
}

buildChips();
listen();
render();
