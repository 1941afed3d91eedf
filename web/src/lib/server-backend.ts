/** The project is on a server: pictures go over the socket, everything else over HTTP. */

import type { Backend } from "./backend";
import { EitherPredictor } from "./either";
import type { Listener, Predictor } from "./predictor";
import { socketAddress } from "./remote";
import { imageAddress, rest, thumbnailAddress } from "./rest";
import { serverExports } from "./server-exports";

export class ServerBackend implements Backend {
  readonly api = rest;
  readonly privacy = "The pictures stay on the machine this page comes from.";
  readonly views = ["live", "examples", "evaluate", "export", "how"] as const;
  readonly exports = serverExports;
  readonly imageAddress = imageAddress;
  readonly thumbnailAddress = thumbnailAddress;

  createPredictor(listener: Listener): Predictor {
    return new EitherPredictor(socketAddress(location), listener, isLetIn);
  }
}

async function isLetIn(): Promise<boolean> {
  const response = await fetch("/api/state").catch(() => null);
  return response?.status !== 401 && response?.status !== 403;
}
