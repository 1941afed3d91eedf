import { recall, remember } from "../page/memory";
import { obstacle, problem, problemOf, type Problem } from "./problems";

const REMEMBERED = "camera";

export type Choice = { deviceId: string } | { facingMode: "user" | "environment" };

/** Choose the camera, remember it, and reopen it when it is plugged in again. */
export class Devices {
  stream = $state.raw<MediaStream | null>(null);
  problem = $state.raw<Problem | null>(null);
  cameras = $state.raw<readonly MediaDeviceInfo[]>([]);
  cameraId = $state("");
  /** Mirror the picture, unless the camera faces away from the user. */
  mirrored = $state(true);
  #attempt = 0;

  constructor() {
    this.problem = obstacle(window);
    if (this.problem) return;
    navigator.mediaDevices.addEventListener("devicechange", () => void this.#changed());
    void this.#watchPermission();
    void this.open();
  }

  async open(choice: Choice | null = remembered()): Promise<void> {
    const attempt = ++this.#attempt;
    this.#stop();
    this.problem = null;
    try {
      const stream = await openStream(choice);
      if (attempt === this.#attempt) this.#start(stream);
      else stopTracks(stream);
    } catch (error) {
      if (attempt === this.#attempt) this.problem = problemOf(error);
    }
    await this.#list();
  }

  flip(): Promise<void> {
    return this.open({ facingMode: this.mirrored ? "environment" : "user" });
  }

  #start(stream: MediaStream): void {
    const [track] = stream.getVideoTracks();
    const { deviceId = "", facingMode } = track?.getSettings() ?? {};
    track?.addEventListener("ended", () => {
      this.#stop();
      this.problem = problem("unplugged");
    });
    this.stream = stream;
    this.cameraId = deviceId;
    this.mirrored = facingMode !== "environment";
    remember(REMEMBERED, deviceId);
  }

  #stop(): void {
    if (this.stream) stopTracks(this.stream);
    this.stream = null;
  }

  async #changed(): Promise<void> {
    await this.#list();
    const missing = this.problem?.kind === "none" || this.problem?.kind === "unplugged";
    if (missing && this.cameras.length > 0) await this.open();
  }

  async #list(): Promise<void> {
    const devices = await navigator.mediaDevices.enumerateDevices();
    this.cameras = devices.filter(({ kind }) => kind === "videoinput");
  }

  /** Start when the user allows the camera after denying it. */
  async #watchPermission(): Promise<void> {
    const permission = await navigator.permissions?.query({ name: "camera" }).catch(() => null);
    permission?.addEventListener("change", () => {
      if (permission.state === "granted" && this.problem?.kind === "denied") void this.open();
    });
  }
}

async function openStream(choice: Choice | null): Promise<MediaStream> {
  const size = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  const open = (video: MediaTrackConstraints) => navigator.mediaDevices.getUserMedia({ video, audio: false });
  if (!choice) return open({ ...size, facingMode: "user" });
  if ("facingMode" in choice) return open({ ...size, facingMode: choice.facingMode });
  try {
    return await open({ ...size, deviceId: { exact: choice.deviceId } });
  } catch (error) {
    // The remembered camera is missing: use any other.
    if (error instanceof Error && error.name === "OverconstrainedError") return open(size);
    throw error;
  }
}

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function remembered(): Choice | null {
  const deviceId = recall(REMEMBERED);
  return deviceId ? { deviceId } : null;
}
