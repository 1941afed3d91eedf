/** The service worker of an exported page: it keeps the files, so that the page works offline. */

const PATIENCE_MS = 4000;

/**
 * Settles when the service worker sees what the page fetches, so that each file is fetched once; where
 * there is none (an old browser, no secure context), after a moment, and the page works online only.
 */
export async function kept(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const controlled = new Promise<void>((resolve) => {
    if (serviceWorker.controller) resolve();
    serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
  });
  const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS));
  const failed = serviceWorker.register("sw.js").then(
    () => new Promise<void>(() => undefined),
    () => undefined,
  );
  await Promise.race([controlled, patience, failed]);
}
