/** The project is on a server: pictures go over the socket, everything else over HTTP. */

import type { Backend } from "./backend";
import { SwitchingPredictor } from "../live/switching-predictor";
import type { Listener, Predictor } from "../live/predictor";
import { socketAddress } from "../live/remote";
import { rest } from "./rest";
import { serverExports } from "../export/server-exports";
import type { State } from "./types";

export class ServerBackend implements Backend {
  readonly api = rest;
  readonly privacy = "The pictures stay on the machine this page comes from.";
  readonly views = ["live", "examples", "evaluate", "export", "how"] as const;
  readonly exports = serverExports;
  /** The server's run: in the next one, an id may mean another picture, so addresses contain it. */
  #run = $state("");

  createPredictor(listener: Listener): Predictor {
    const state = (state: State) => {
      this.#run = state.run;
      listener.state(state);
    };
    return new SwitchingPredictor(socketAddress(location), { ...listener, state }, isLetIn);
  }

  imageAddress(exampleId: number): string {
    return `/api/examples/${exampleId}/image?run=${this.#run}`;
  }

  thumbnailAddress(exampleId: number): string {
    return `/api/examples/${exampleId}/thumbnail?run=${this.#run}`;
  }
}

async function isLetIn(): Promise<boolean> {
  const response = await fetch("/api/state").catch(() => null);
  return response?.status !== 401 && response?.status !== 403;
}
