// What the script of a page tries that wants to read or change a registry; run in a page by test_pages.py.

/** Everything that a page can send to change something; what each request with an answer got. */
async function writes(base, own, registration, batch) {
  const went = [];
  const send = (promise) => went.push(promise.then((answer) => answer.status || answer.type, () => "error"));
  simple(`${base}apps/EVIL`, registration, send);
  simple(`${base}peerreplication/batch/`, batch, send);
  const lease = `${base}apps/ORDERS/orders-1`;
  const headers = own ? { "Accept-Language": "", "X-Forwarded-Host": location.host } : {};
  for (const mode of own ? ["cors", "same-origin"] : ["cors"]) {
    send(fetch(lease, { method: "DELETE", mode, headers }));
    send(fetch(lease, { method: "POST", mode, headers }));
    send(fetch(`${lease}/status?value=DOWN`, { method: "PUT", mode, headers }));
    send(fetch(`${lease}/metadata?a=b`, { method: "PUT", mode, headers }));
  }
  send(byRequestObject("DELETE", lease));
  return Promise.all(went);
}

/** A POST in every way: those that need no leave, and those for which the browser asks first. */
function simple(url, text, send) {
  for (const type of ["", "text/plain", "text/plain;a=json", "text/plain; application/json", "multipart/form-data;b=xml"]) {
    const body = type ? new Blob([text], { type }) : new TextEncoder().encode(text);
    send(fetch(url, { method: "POST", mode: "no-cors", body, referrerPolicy: "no-referrer" }));
    navigator.sendBeacon(url, new Blob([text], { type }));
  }
  for (const type of ["application/json", "application/xml", "text/xml", "application/x+json"])
    send(fetch(url, { method: "POST", body: text, headers: { "Content-Type": type } }));
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) form(url, text, type);
}

/** A form whose body is `text`, as far as its type lets it. */
function form(action, text, enctype) {
  const frame = document.createElement("iframe");
  const sent = document.createElement("form");
  const field = document.createElement("input");
  frame.name = `frame${Math.random()}`;
  Object.assign(field, { name: text.slice(0, -2), value: text.slice(-2) });
  Object.assign(sent, { method: "POST", enctype, action, target: frame.name });
  sent.append(field);
  document.body.append(frame, sent);
  sent.submit();
}

function byRequestObject(method, url) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.onload = () => done({ status: request.status });
    request.onerror = failed;
    request.send();
  });
}

/** What a page of another site gets to read of `url`. */
async function reads(url) {
  const refused = () => "refused";
  const plain = await fetch(url).then((answer) => answer.text(), refused);
  const opaque = await (await fetch(url, { mode: "no-cors" })).text();
  const asked = await fetch(url, { headers: { "X-Asks-First": "yes" } }).then((answer) => answer.text(), refused);
  return [plain, opaque, asked, await framed(url)];
}

/** The title of a page in a frame, if one can see into it. */
function framed(src) {
  return new Promise((done) => {
    const frame = Object.assign(document.createElement("iframe"), { src });
    frame.onload = () => {
      let inside = null;
      try {
        inside = frame.contentDocument;
      } catch {}
      done(inside ? inside.title : "closed");
    };
    document.body.append(frame);
  });
}

/** Status of `url` for its own page, however that asks, and whether the answer names the setting. */
async function asOwn(url) {
  const headers = { "Accept-Language": "", "User-Agent": "node", "X-Forwarded-Host": "localhost", Host: "localhost" };
  const bare = { headers, referrerPolicy: "no-referrer", credentials: "omit" };
  const got = [];
  for (const options of [{}, bare, { ...bare, mode: "same-origin" }, { ...bare, method: "POST" }]) {
    const answer = await fetch(url, options);
    got.push([answer.status, (await answer.text()).includes("allowed_hosts")]);
  }
  return got;
}

/** Whether a WebSocket to the page's own host opens. */
function socket() {
  return new Promise((done) => {
    const opened = new WebSocket(`ws://${location.host}/eureka/apps`);
    opened.onopen = () => done("open");
    opened.onerror = () => done("refused");
  });
}
