/* The page of the last 1000 leases registered and cancelled. */

import { listen as listenForToken } from "./credentials.js";
import { byId, el, isShortcut, setText } from "./dom.js";
import { Feed, Resource } from "./feed.js";
import { count, stamp } from "./format.js";

const PAGE = 250;
const limits = { cancelled: PAGE, registered: PAGE };
const source = new Resource("dashboard/lastn");
let leases = null;

async function poll() {
  const newer = await source.load();
  if (!newer) return;
  leases = newer;
  render();
}

function render() {
  if (!leases) return;
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const list of ["cancelled", "registered"]) {
    const found = leases[list].filter((lease) => words.every((word) => lease[1].toLowerCase().includes(word)));
    show(list, found, words.length > 0);
  }
}

function show(list, found, searched) {
  const shown = found.slice(0, limits[list]);
  const none = searched ? "No lease fits the search." : "None since startup.";
  const lines = shown.length ? shown.map((lease) => line(lease)) : [el("tr", {}, el("td", { colspan: "3", class: "quiet" }, none))];
  byId(list).replaceChildren(...lines);
  const more = byId(`more-${list}`);
  more.hidden = found.length <= shown.length;
  setText(more, `Show more (${count(found.length - shown.length)} left)`);
}

function line([atMs, lease, why]) {
  const cells = [el("td", { class: "number" }, stamp(atMs)), el("td", { class: "id" }, lease)];
  if (why) cells.push(el("td", {}, why));
  return el("tr", {}, ...cells);
}

async function showName() {
  const state = await new Resource("dashboard/state").load().catch(() => null);
  if (!state) return;
  setText(byId("peer-name"), state.peer.name);
  document.title = `${state.peer.name} · Last 1000 since startup · Eureka`;
}

byId("search").addEventListener("input", render);
byId("search").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (!event.target.value) event.target.blur();
  event.target.value = "";
  render();
});
addEventListener("keydown", (event) => {
  if (!isShortcut(event, "/")) return;
  event.preventDefault();
  byId("search").focus();
});
for (const list of ["cancelled", "registered"]) {
  byId(`more-${list}`).addEventListener("click", () => {
    limits[list] += PAGE;
    render();
  });
}
showName();
const feed = new Feed(poll);
listenForToken(() => {
  showName();
  feed.now();
});
