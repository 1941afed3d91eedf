/** Fits the metric on a thread of its own, so that no answer waits for it. */

import { fitMetric, type Sample } from "./fitting";

self.onmessage = ({ data }: MessageEvent<Sample>) => self.postMessage(fitMetric(data));
