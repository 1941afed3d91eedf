/** The backend of this page, chosen once. */

import { chooseBackend } from "./backend";

export { ApiError } from "./errors";

export const backend = chooseBackend();
export const { api } = backend;

/** The picture of an example as it came. */
export const imageAddress = (exampleId: number) => backend.imageAddress(exampleId);

/** A small square of it. */
export const thumbnailAddress = (exampleId: number) => backend.thumbnailAddress(exampleId);
