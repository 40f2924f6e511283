/* The instances as values: decoded, searched, filtered, sorted, grouped. Pure: no page, no network. */

/** Statuses in the order in which they are shown: what works first. */
export const STATUSES = ["UP", "STARTING", "DOWN", "OUT_OF_SERVICE", "UNKNOWN"];

const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

const SORTS = {
  __proto__: null, // the address of the page names the sort, and may name anything
  app: (row) => row.app,
  id: (row) => row.id,
  status: (row) => row.status,
  address: (row) => row.address,
  zone: (row) => row.zone,
  registered: (row) => row.registered_ms,
};

/** IP address and port; the host name, which most ids repeat, is in the details. */
function address(row) {
  const port = row.port ?? row.secure_port;
  const ip = row.ip || row.host;
  return port === null ? ip : `${ip}:${port}`;
}

/** One row of the document as an object, with what search and tables need worked out once. */
function instance(columns, values) {
  const row = Object.fromEntries(columns.map((name, index) => [name, values[index] ?? null]));
  row.zone ??= "";
  row.key = `${row.app}\n${row.id}`;
  row.address = address(row);
  const words = [row.app, row.id, row.host, row.ip, row.address, row.vip, row.status, row.zone];
  if (row.overridden) words.push("override", row.overridden);
  row.words = words.join("\n").toLowerCase();
  return row;
}

/** Instances of `dashboard/instances`, sorted by application and id, and what can be chosen from. */
export function decode(document) {
  const rows = document.rows.map((values) => instance(document.columns, values));
  rows.sort((one, other) => compare(one.app, other.app) || compare(one.id, other.id));
  return {
    version: document.version,
    rows,
    byKey: new Map(rows.map((row) => [row.key, row])),
    apps: [...new Set(rows.map((row) => row.app))],
    zones: [...new Set(rows.map((row) => row.zone))].sort(),
  };
}

/** A test for the application filter: that very application if there is one, else part of a name. */
function appTest(text, apps) {
  if (!text) return () => true;
  const name = apps.find((app) => app.toLowerCase() === text.toLowerCase());
  if (name) return (row) => row.app === name;
  const part = text.toLowerCase();
  return (row) => row.app.toLowerCase().includes(part);
}

const tally = (counts, key) => counts.set(key, (counts.get(key) ?? 0) + 1);

/**
 * The instances that a view asks for. Every word of the search must occur somewhere in an instance.
 * The counts beside the choices say what each choice would show, the other filters unchanged.
 */
export function select(data, view) {
  const wanted = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  const fitsApp = appTest(view.app, data.apps);
  const found = { rows: [], statuses: new Map(), zones: new Map() };
  for (const row of data.rows) {
    if (!wanted.every((word) => row.words.includes(word)) || !fitsApp(row)) continue;
    const status = view.statuses.length === 0 || view.statuses.includes(row.status);
    const zone = view.zone === null || view.zone === row.zone;
    if (zone) tally(found.statuses, row.status);
    if (status) tally(found.zones, row.zone);
    if (status && zone) found.rows.push(row);
  }
  found.rows = sorted(found.rows, view.sort);
  return found;
}

/** Rows in the order that `sort` names (`zone`, or `-zone` for the reverse); stable. */
export function sorted(rows, sort) {
  const falling = sort.startsWith("-");
  const value = SORTS[falling ? sort.slice(1) : sort];
  if (sort === "app" || value === undefined) return rows;
  const sign = falling ? -1 : 1;
  return [...rows].sort((one, other) => sign * compare(value(one), value(other)));
}

/** One entry per application: its counts of AMIs and zones, and its instances by status. */
export function group(rows) {
  const groups = new Map();
  for (const row of rows) {
    if (!groups.has(row.app)) groups.set(row.app, { app: row.app, rows: [] });
    groups.get(row.app).rows.push(row);
  }
  return [...groups.values()].sort((one, other) => compare(one.app, other.app));
}

/** What Spring's table says of one application. */
export function summary(entry) {
  const amis = new Map();
  const zones = new Map();
  const statuses = new Map();
  for (const row of entry.rows) {
    tally(amis, row.ami || "n/a");
    tally(zones, row.zone || "n/a");
    if (!statuses.has(row.status)) statuses.set(row.status, []);
    statuses.get(row.status).push(row);
  }
  const order = [...statuses.keys()].sort((one, other) => STATUSES.indexOf(one) - STATUSES.indexOf(other));
  return { amis, zones, statuses: order.map((status) => [status, statuses.get(status)]) };
}
