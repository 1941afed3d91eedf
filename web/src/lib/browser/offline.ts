/** The service worker of an exported page: it keeps the files, so that the page works offline. */

const PATIENCE_MS = 10_000;
const GRACE_MS = 1000;

/**
 * Settles when the service worker sees what the page fetches, so that each file is fetched once; where
 * it will not (an old browser, no secure context, loaded past all caches), at once: then files come
 * from the network.
 */
export async function kept(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const controlled = new Promise<void>((resolve) => {
    if (serviceWorker.controller) resolve();
    serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
  });
  const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS));
  const idle = serviceWorker.register("sw.js").then(atRest, () => undefined);
  await Promise.race([controlled, patience, idle]);
}

/** Settles when no worker is on its way to take over. */
async function atRest({ installing, waiting, active }: ServiceWorkerRegistration): Promise<void> {
  const coming = installing ?? waiting ?? active;
  const state = () => coming?.state ?? "redundant";
  if (state() === "activated") return;
  while (!["activated", "redundant"].includes(state())) {
    await new Promise((resolve) => coming?.addEventListener("statechange", resolve, { once: true }));
  }
  // One that is active takes over within a moment.
  if (state() === "activated") await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
}
