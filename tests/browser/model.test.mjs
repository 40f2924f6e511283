// What the dashboard searches, filters, sorts and groups; run by test_model.py with Node's own test runner.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const path = new URL("../../registry/eureka_registry/http/static/model.js", import.meta.url);
const text = readFileSync(path, "utf8"); // a module by its text: its name ends in .js, as browsers want it
const { decode, group, select, sorted, summary } = await import(
  `data:text/javascript,${encodeURIComponent(text)}`
);

const COLUMNS = ["app", "id", "host", "ip", "port", "secure_port", "status", "overridden", "zone", "ami", "vip", "registered_ms"];
const EVERYTHING = { q: "", app: "", zone: null, statuses: [], sort: "app" };
const data = decode({
  version: 7,
  columns: COLUMNS,
  rows: [
    ["PAY", "p1", "pay-1", "10.0.0.9", null, 8443, "UP", null, "b", null, "pay", 30],
    ["ORDERS", "o2", "host-2", "10.0.0.2", 8080, null, "OUT_OF_SERVICE", "OUT_OF_SERVICE", "a", "ami-1", "orders", 20],
    ["ORDERS", "o1", "host-1", "10.0.0.1", 8080, null, "UP", null, "a", null, "orders", 10],
    ["ORDERS-OLD", "x1", "old", "", null, null, "DOWN", null, null, null, null, 40],
    ["__proto__", "constructor", "evil", "10.0.0.6", 1, null, "UNKNOWN", null, "<b>", null, null, 50],
  ],
});

const ids = (view) => select(data, { ...EVERYTHING, ...view }).rows.map((row) => row.id);

test("rows come by application and id", () => {
  assert.deepEqual(ids({}), ["o1", "o2", "x1", "p1", "constructor"]);
  assert.equal(data.version, 7);
});

test("every word of the search must occur, in any field and any case", () => {
  assert.deepEqual(ids({ q: "ORDERS 10.0.0.2" }), ["o2"]);
  assert.deepEqual(ids({ q: "8443" }), ["p1"]);
  assert.deepEqual(ids({ q: "override" }), ["o2"]);
  assert.deepEqual(ids({ q: "orders nothing" }), []);
  assert.deepEqual(ids({ q: "__PROTO__" }), ["constructor"]);
});

test("a whole application name means that application, a part all that have it", () => {
  assert.deepEqual(ids({ app: "orders" }), ["o1", "o2"]);
  assert.deepEqual(ids({ app: "order" }), ["o1", "o2", "x1"]);
});

test("status and zone filter, and no zone is a zone", () => {
  assert.deepEqual(ids({ statuses: ["UP", "DOWN"] }), ["o1", "x1", "p1"]);
  assert.deepEqual(ids({ zone: "" }), ["x1"]);
  assert.deepEqual(ids({ zone: "a", statuses: ["UP"] }), ["o1"]);
});

test("counts say what each choice would show with the other filters as they are", () => {
  const found = select(data, { ...EVERYTHING, zone: "a", statuses: ["UP"] });
  assert.deepEqual([...found.statuses].sort(), [["OUT_OF_SERVICE", 1], ["UP", 1]]);
  assert.deepEqual([...found.zones].sort(), [["a", 1], ["b", 1]]);
});

test("sorting works both ways; what cannot be sorted by leaves the order", () => {
  assert.deepEqual(ids({ sort: "-registered" }), ["constructor", "x1", "p1", "o2", "o1"]);
  assert.equal(sorted(data.rows, "constructor"), data.rows);
});

test("an application is summed up as on Spring's page", () => {
  const [orders] = group(data.rows).filter((each) => each.app === "ORDERS");
  const { amis, zones, statuses } = summary(orders);
  assert.deepEqual([...amis].sort(), [["ami-1", 1], ["n/a", 1]]);
  assert.deepEqual([...zones], [["a", 2]]);
  assert.deepEqual(statuses.map(([status, rows]) => [status, rows.length]), [["UP", 1], ["OUT_OF_SERVICE", 1]]);
});

test("addresses show the port in use, or none", () => {
  assert.deepEqual(data.rows.map((row) => row.address), ["10.0.0.1:8080", "10.0.0.2:8080", "old", "10.0.0.9:8443", "10.0.0.6:1"]);
});
