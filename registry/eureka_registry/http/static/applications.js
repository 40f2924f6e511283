/* The overview: one line per application, as Spring's page has it, in pages of forty. */

import { el, link, refill, statusMark } from "./dom.js";
import { count } from "./format.js";
import { group, summary } from "./model.js";

const PAGE = 40;
/** Ids named per status: fewer where many applications want to be looked over. */
const MOST_IDS = 12;
const MOST_IDS_OF_MANY = 4;

/** The table of applications over `root`, which holds a table and the button `more`. */
export class ApplicationTable {
  /** `onOpen(app, status)` when the reader wants an application's instances (of one status, or null). */
  constructor(root, more, onOpen) {
    this.body = root.querySelector("tbody");
    this.more = more;
    this.onOpen = onOpen;
    this.limit = PAGE;
    this.lines = new Map();
    more.addEventListener("click", () => this.showMore());
    this.body.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show these instances, grouped; only lines that changed are touched. */
  setRows(rows, { top = false } = {}) {
    if (top) this.limit = PAGE;
    this.groups = group(rows);
    this.mostIds = this.groups.length > PAGE ? MOST_IDS_OF_MANY : MOST_IDS;
    this.paint();
  }

  /** Take the keyboard, at the first application. */
  focus() {
    this.body.querySelector("button")?.focus();
  }

  showMore() {
    this.limit += PAGE;
    this.paint();
  }

  paint() {
    const shown = this.groups.slice(0, this.limit);
    const lines = new Map();
    for (const entry of shown) lines.set(entry.app, this.line(entry));
    const held = document.activeElement?.closest?.("tr")?.app;
    this.arrange([...lines.values()]);
    this.lines = lines;
    if (held && !this.body.contains(document.activeElement)) lines.get(held)?.querySelector("button")?.focus();
    const left = this.groups.length - shown.length;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show more applications (${count(left)} left)`;
  }

  /** Put the lines in place without taking out those that stay, which may hold the focus. */
  arrange(lines) {
    const staying = new Set(lines);
    for (const line of [...this.body.children]) if (!staying.has(line)) line.remove();
    lines.forEach((line, place) => {
      if (this.body.children[place] !== line) this.body.insertBefore(line, this.body.children[place] ?? null);
    });
  }

  line(entry) {
    const line = this.lines.get(entry.app) ?? el("tr");
    line.app = entry.app;
    const said = entry.rows.map((row) => [row.id, row.status, row.overridden, row.zone, row.ami, row.status_url]);
    refill(line, this.mostIds + JSON.stringify(said), () => this.cells(entry));
    return line;
  }

  cells(entry) {
    const { amis, zones, statuses } = summary(entry);
    const open = () => this.onOpen(entry.app, null);
    const title = `Show the instances of ${entry.app}`;
    const name = el("button", { type: "button", class: "link", title, onclick: open }, entry.app);
    return [
      el("th", { scope: "row" }, name),
      el("td", { "data-label": "AMIs" }, ...tallies(amis)),
      el("td", { "data-label": "Availability Zones" }, ...tallies(zones)),
      el("td", {}, ...statuses.map(([status, rows]) => this.ofStatus(entry.app, status, rows))),
    ];
  }

  /** `UP (2) - id, id`, with links to the instances' status pages. */
  ofStatus(app, status, rows) {
    const line = el("div", { class: "of-status" }, statusMark(status), ` (${count(rows.length)}) - `);
    rows.slice(0, this.mostIds).forEach((row, place) => line.append(place ? ", " : "", link(row.id, row.status_url)));
    const left = rows.length - this.mostIds;
    if (left <= 0) return line;
    const open = () => this.onOpen(app, status);
    line.append(", ", el("button", { type: "button", class: "link", onclick: open }, `and ${count(left)} more`));
    return line;
  }

  key(event) {
    const steps = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" };
    const line = event.target.closest("tr");
    if (!(event.key in steps) || !line) return;
    event.preventDefault();
    line[steps[event.key]]?.querySelector("button")?.focus();
  }
}

/** `zone-a (2), zone-b (1)`. */
function tallies(counts) {
  const names = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  return names.flatMap(([name, number], place) => [place ? ", " : "", el("b", {}, name), ` (${count(number)})`]);
}
