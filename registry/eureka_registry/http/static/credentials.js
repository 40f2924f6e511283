/* Who asks. The browser itself asks for user and password; a token can be pasted into the page. */

import { byId, setText } from "./dom.js";

/** In the memory of this page and nowhere else: gone with it. */
let token = null;

/** `fetch` with the token, if there is one; whoever is not known is asked for one. */
export async function ask(url, options) {
  const sent = token;
  const headers = sent ? { ...options.headers, Authorization: `Bearer ${sent}` } : options.headers;
  const response = await fetch(url, { ...options, headers });
  if (response.status === 401) refused(sent, response.headers.get("X-Eurekube-Reason"));
  return response;
}

function refused(sent, why) {
  if (sent !== token) return; // it was asked for before this one was pasted
  token = null;
  setText(byId("sign-in-why"), why ?? "credentials are needed");
  byId("sign-in").hidden = false;
}

/** Let a token be pasted; `onToken()` then. */
export function listen(onToken) {
  const input = byId("token");
  const use = () => {
    const pasted = input.value.trim();
    input.value = "";
    if (!pasted) return;
    token = pasted;
    byId("sign-in").hidden = true;
    onToken();
  };
  byId("use-token").addEventListener("click", use);
  input.addEventListener("keydown", (event) => event.key === "Enter" && use());
}
