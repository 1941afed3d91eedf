/** The service worker of an exported page, which caches the files for offline use. */

const TIMEOUT_MS = 10_000;
const GRACE_MS = 1000;

/**
 * Settles when the service worker handles the page's requests, so that each file is fetched once.
 * Settles at once where it cannot (an old browser, no secure context, a forced reload); files then come
 * from the network.
 */
export async function registerServiceWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const controlled = new Promise<void>((resolve) => {
    if (serviceWorker.controller) resolve();
    serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
  });
  const timeout = new Promise<void>((resolve) => setTimeout(resolve, TIMEOUT_MS));
  const idle = serviceWorker.register("sw.js").then(settled, () => undefined);
  await Promise.race([controlled, timeout, idle]);
}

/** Settles when no worker is about to take control. */
async function settled({ installing, waiting, active }: ServiceWorkerRegistration): Promise<void> {
  const worker = installing ?? waiting ?? active;
  const state = () => worker?.state ?? "redundant";
  if (state() === "activated") return;
  while (!["activated", "redundant"].includes(state())) {
    await new Promise((resolve) => worker?.addEventListener("statechange", resolve, { once: true }));
  }
  // An active worker takes control within a moment.
  if (state() === "activated") await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
}
