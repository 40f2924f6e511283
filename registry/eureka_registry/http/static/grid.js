/* The list of instances: only the rows in sight exist, so its cost does not grow with the registry. */

import { el, refill, safeUrl, setText, statusMark } from "./dom.js";
import { age } from "./format.js";

const OVERSCAN = 6;

/** A grid over `root`, which holds a header row and a `.rows` element. */
export class InstanceGrid {
  /** `onOpen(row)` when the reader opens an instance, `onSort(sort)` when a heading is pressed. */
  constructor(root, { onOpen, onSort, nowMs }) {
    this.root = root;
    this.body = root.querySelector(".rows");
    this.head = root.querySelector(".head");
    this.onOpen = onOpen;
    this.nowMs = nowMs;
    this.rows = [];
    this.pool = [];
    this.active = -1;
    root.addEventListener("scroll", () => this.paint(), { passive: true });
    root.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.head.addEventListener("click", (event) => this.sortBy(event, onSort));
    new ResizeObserver(() => this.resize()).observe(root);
  }

  /** Show other rows; the chosen one stays chosen if it is still there. */
  setRows(rows, sort, { top = false } = {}) {
    const key = this.rows[this.active]?.key;
    this.rows = rows;
    this.active = key === undefined ? -1 : rows.findIndex((row) => row.key === key);
    this.sort = sort;
    this.root.setAttribute("aria-rowcount", String(rows.length + 1));
    for (const heading of this.head.querySelectorAll("[data-sort]")) this.markSort(heading, sort);
    if (top) this.root.scrollTop = 0;
    this.resize();
  }

  /** Take the keyboard, at the first row if none is chosen. */
  focus() {
    if (this.active < 0 && this.rows.length) this.activate(0);
    this.root.focus();
  }

  markSort(heading, sort) {
    const direction = { [heading.dataset.sort]: "ascending", [`-${heading.dataset.sort}`]: "descending" };
    heading.parentElement.setAttribute("aria-sort", direction[sort] ?? "none");
  }

  sortBy(event, onSort) {
    const name = event.target.closest("[data-sort]")?.dataset.sort;
    if (name) onSort(this.sort === name ? `-${name}` : name);
  }

  resize() {
    if (this.root.hidden) return;
    this.rowHeight = Number(getComputedStyle(this.root).getPropertyValue("--row-px"));
    this.body.style.height = `${this.rows.length * this.rowHeight}px`;
    this.paint();
  }

  /** How many whole rows fit below the heading. */
  get page() {
    const height = this.root.clientHeight - this.head.offsetHeight;
    return Math.max(1, Math.floor(height / this.rowHeight));
  }

  paint() {
    const first = Math.max(0, Math.floor(this.root.scrollTop / this.rowHeight) - OVERSCAN);
    const wanted = Math.min(this.rows.length - first, this.page + 2 * OVERSCAN + 1);
    while (this.pool.length < wanted) this.pool.push(this.blank());
    this.pool.forEach((line, place) => this.fill(line, place < wanted ? first + place : -1));
    const shown = this.active >= first && this.active < first + wanted;
    if (shown) this.root.setAttribute("aria-activedescendant", `row-${this.active}`);
    else this.root.removeAttribute("aria-activedescendant");
  }

  blank() {
    const id = el("a", { rel: "noopener noreferrer", tabindex: "-1", class: "id" });
    const button = el("button", { type: "button", tabindex: "-1" }, "Actions");
    const cells = Array.from({ length: 7 }, () => el("span", { role: "gridcell" }));
    const line = el("div", { role: "row", class: "row" }, ...cells);
    cells[1].append(id);
    cells[6].append(button);
    this.body.append(line);
    return { line, cells, id, button };
  }

  fill({ line, cells, id, button }, index) {
    line.hidden = index < 0;
    const row = this.rows[index];
    if (!row) return;
    line.index = index;
    line.id = `row-${index}`;
    line.style.transform = `translateY(${index * this.rowHeight}px)`;
    line.setAttribute("aria-rowindex", String(index + 2));
    line.setAttribute("aria-selected", String(index === this.active));
    setText(cells[0], row.app);
    this.fillId(id, row);
    refill(cells[2], `${row.status} ${row.overridden}`, () => [statusMark(row.status, row.overridden)]);
    setText(cells[3], row.address);
    setText(cells[4], row.zone || "n/a");
    setText(cells[5], age(row.registered_ms, this.nowMs()));
    button.setAttribute("aria-label", `Actions for ${row.id}`);
  }

  fillId(id, row) {
    setText(id, row.id);
    const href = safeUrl(row.status_url);
    if (href) id.href = href;
    else id.removeAttribute("href");
    id.title = href ? `${row.id}: status page` : row.id;
  }

  click(event) {
    const line = event.target.closest(".row");
    if (!line || event.target.closest("a[href]") || !getSelection().isCollapsed) return;
    this.activate(line.index);
    this.onOpen(this.rows[line.index]);
  }

  key(event) {
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey) return;
    if ((event.key === "Enter" || event.key === " ") && this.rows[this.active]) {
      event.preventDefault();
      this.onOpen(this.rows[this.active]);
      return;
    }
    const to = this.destination(event.key);
    if (to === null) return;
    event.preventDefault();
    this.activate(Math.min(this.rows.length - 1, Math.max(0, to)));
  }

  destination(key) {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: this.page, PageUp: -this.page };
    if (key in moves) return this.active + moves[key];
    if (key === "Home") return 0;
    return key === "End" ? this.rows.length - 1 : null;
  }

  /** Choose a row and bring it into sight. */
  activate(index) {
    if (!this.rows.length) return;
    this.active = index;
    const top = index * this.rowHeight;
    const room = this.page * this.rowHeight;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    if (top + this.rowHeight > this.root.scrollTop + room) {
      this.root.scrollTop = top + this.rowHeight - room;
    }
    this.paint();
  }
}
