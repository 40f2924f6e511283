/* Building and filling elements. Every text goes in as text: nothing here parses HTML. */

/** One element by its id. */
export const byId = (id) => document.getElementById(id);

/**
 * An element with attributes and children; `onclick` is a listener, a null attribute is left
 * out, a null child is skipped and a string child becomes a text node.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Replace an element's text, only if it differs, so that a selection or a live region is left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replace an element's children, only if `signature` differs from the last call's. */
export function refill(element, signature, build) {
  if (element.signature === signature) return;
  element.signature = signature;
  element.replaceChildren(...build());
}

/** The URL if it is absolute and http or https, else null: an instance may register any text. */
export function safeUrl(text) {
  if (!text || !URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
}

/** A link to a foreign page where `url` is safe to follow, else the plain text. */
export function link(text, url) {
  const href = safeUrl(url);
  return href ? el("a", { href, rel: "noopener noreferrer" }, text) : el("span", {}, text);
}

/** A status in words with its mark; `overridden` says that an operator decided it. */
export function statusMark(status, overridden = null) {
  const mark = el("span", { class: "status", "data-status": status }, status);
  if (overridden) mark.append(el("small", {}, " override"));
  return mark;
}

/** A key that asks for a letter shortcut, and not one typed into a field or with a modifier. */
export function isShortcut(event, key) {
  const typing = event.target.closest("input, select, textarea, dialog");
  return event.key === key && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
}
