/** The backend of this page, chosen once. */

import { BrowserBackend } from "./browser/backend";
import { pageMetadata } from "./browser/page-metadata";
import type { Backend } from "./server/backend";
import { ServerBackend } from "./server/server-backend.svelte";

export { ApiError } from "./server/errors";

const metadata = pageMetadata(document);

/** An exported page carries its project with it. */
export const backend: Backend = metadata ? new BrowserBackend(metadata) : new ServerBackend();
export const { api } = backend;

/** The picture of an example as it came. */
export const imageAddress = (exampleId: number) => backend.imageAddress(exampleId);

/** A small square of it. */
export const thumbnailAddress = (exampleId: number) => backend.thumbnailAddress(exampleId);
