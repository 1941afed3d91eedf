/** Fit the metric in a worker, so that no prediction waits. */

import { fitMetric, type Sample } from "./fitting";

self.onmessage = ({ data }: MessageEvent<Sample>) => self.postMessage(fitMetric(data));
