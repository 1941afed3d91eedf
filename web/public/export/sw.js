// Keeps the files of an exported page, so that it works offline and a second visit fetches nothing.
// It answers with the headers that isolate a page too: then the browser lets it use several threads.
// Not vite-plugin-pwa: it lists the files when Vite builds the page, but an export has files and a
// version of its own, which Python writes. Workbox does not add headers either.
const MADE = "{{made}}";
const PAGE = {{page}};
const ISOLATION = {
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};
// A host may let browsers cache files for long, so request what belongs to this export again.
const FRESH = { cache: "no-cache" };
const HOME = new URL(self.registration.scope).pathname;
const NAME = `classify-anything ${self.registration.scope}`;
const CACHE = `${NAME} ${MADE}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(PAGE.map((path) => new Request(path, FRESH))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  event.respondWith(answer(request, (work) => event.waitUntil(work)));
});

async function answer(request, meanwhile) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(isPage(request) ? "./" : request, { ignoreSearch: true });
  if (known) return isolated(known);
  const response = await fetch(request, FRESH);
  if (response.type !== "basic" || response.status !== 200) return response;
  // Where there is no space for it, the page works all the same, while there is a network.
  meanwhile(cache.put(request, response.clone()).catch(() => undefined));
  return isolated(response);
}

function isPage({ mode, url }) {
  const { pathname } = new URL(url);
  return mode === "navigate" && (pathname === HOME || pathname === `${HOME}index.html`);
}

function isolated(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

async function dropOthers() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(`${NAME} `) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}
