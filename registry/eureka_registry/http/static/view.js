/* What the reader asked for: kept in the address of the page, so that a view can be shared. */

import { STATUSES } from "./model.js";

const VIEWS = ["applications", "instances"];

/** The view an address asks for; whatever it does not say, or says wrongly, is the default. */
export function readView(hash = location.hash) {
  const asked = new URLSearchParams(hash.slice(1));
  const chosen = (asked.get("status") ?? "").split(",");
  return {
    view: VIEWS.includes(asked.get("view")) ? asked.get("view") : VIEWS[0],
    q: asked.get("q") ?? "",
    app: asked.get("app") ?? "",
    zone: asked.get("zone"),
    statuses: STATUSES.filter((status) => chosen.includes(status)),
    sort: asked.get("sort") ?? "app",
  };
}

/** Whether a view leaves anything out. */
export const isFiltered = (view) =>
  Boolean(view.q || view.app || view.zone !== null || view.statuses.length);

/** A view that leaves nothing out, in the form of `view`. */
export const unfiltered = (view) => ({ ...view, q: "", app: "", zone: null, statuses: [] });

/** Write a view into the address, without an entry in the browser's history. */
export function writeView(view) {
  const said = new URLSearchParams();
  if (view.view !== VIEWS[0]) said.set("view", view.view);
  if (view.q) said.set("q", view.q);
  if (view.app) said.set("app", view.app);
  if (view.zone !== null) said.set("zone", view.zone);
  if (view.statuses.length) said.set("status", view.statuses.join(","));
  if (view.sort !== "app") said.set("sort", view.sort);
  const hash = said.toString();
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}
