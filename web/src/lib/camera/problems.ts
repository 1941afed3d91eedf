/** Camera problems and their remedies, in plain words. */

export type ProblemKind =
  | "denied"
  | "none"
  | "busy"
  | "unplugged"
  | "insecure"
  | "unsupported"
  | "unknown";

export interface Problem {
  kind: ProblemKind;
  title: string;
  advice: string;
  /** Whether "Try again" can help without reloading the page. */
  retry: boolean;
}

const PROBLEMS: Record<ProblemKind, Omit<Problem, "kind">> = {
  denied: {
    title: "The camera is blocked for this page.",
    advice: "Allow it at the left end of the browser's address bar, then press Try again.",
    retry: true,
  },
  none: {
    title: "No camera found.",
    advice: "Plug one in. It starts automatically.",
    retry: true,
  },
  busy: {
    title: "Another program is using the camera.",
    advice: "Close it, then press Try again.",
    retry: true,
  },
  unplugged: {
    title: "The camera was unplugged.",
    advice: "Plug it in again. It starts automatically, and nothing is lost.",
    retry: true,
  },
  insecure: {
    title: "Browsers allow camera access only over HTTPS or on localhost.",
    advice: "Open the page with https://, or with http://localhost on the machine that runs it.",
    retry: false,
  },
  unsupported: {
    title: "This browser cannot use a camera.",
    advice: "Open this page in a current Chrome, Edge, Firefox or Safari.",
    retry: false,
  },
  unknown: {
    title: "The camera did not start.",
    advice: "Unplug it and plug it in again, then press Try again.",
    retry: true,
  },
};

const BY_ERROR_NAME: Record<string, ProblemKind> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "none",
  OverconstrainedError: "none",
  NotReadableError: "busy",
  AbortError: "busy",
};

export function problem(kind: ProblemKind): Problem {
  return { kind, ...PROBLEMS[kind] };
}

export function problemOf(error: unknown): Problem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  return problem(BY_ERROR_NAME[name] ?? "unknown");
}

/** Return the problem that is known before requesting the camera, if any. */
export function obstacle(page: { isSecureContext: boolean; navigator: Navigator }): Problem | null {
  if (!page.isSecureContext) return problem("insecure");
  const media: MediaDevices | undefined = page.navigator.mediaDevices;
  return media && "OffscreenCanvas" in page ? null : problem("unsupported");
}
