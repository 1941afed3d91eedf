import { expect, test } from "vitest";
import { Smoother, USUAL_SMOOTHING_MS } from "./smoothing";
import type { PredictionInfo } from "../server/types";

const FRAME_MS = 1000 / 30;

function says(classId: number | null, sure = 0.9): PredictionInfo {
  const probabilities = classId === 2 ? { 1: 1 - sure, 2: sure } : { 1: sure, 2: 1 - sure };
  const label = classId === null ? null : `Class ${classId}`;
  const neighbors = [{ example_id: 1, class_id: 1, similarity: 0.5 }];
  return { class_id: classId, label, probability: classId ? sure : 0, probabilities, typicality: 1, neighbors };
}

function shown(smoother: Smoother, answers: readonly PredictionInfo[]): (number | null)[] {
  return answers.map((answer, frame) => smoother.next(answer, frame * FRAME_MS).class_id);
}

test("an answer that flickers for a frame is not shown", () => {
  const answers = [1, 1, 1, 1, 1, 2, 1, 1, 1, null, 1, 1].map((id) => says(id));
  expect(new Set(shown(new Smoother(USUAL_SMOOTHING_MS), answers))).toEqual(new Set([1]));
});

test("the answers of an export, which name no neighbours, stand still as well", () => {
  const answers = [1, 1, 1, 2, 1, 1].map((id) => ({ ...says(id), neighbors: [] }));
  expect(new Set(shown(new Smoother(USUAL_SMOOTHING_MS), answers))).toEqual(new Set([1]));
});

/** Milliseconds from the last frame of the old answer until the new one is shown. */
function delay(before: PredictionInfo, after: PredictionInfo, frameMs: number): number {
  const smoother = new Smoother(USUAL_SMOOTHING_MS);
  for (let frame = 0; frame < 60; frame++) {
    const { class_id } = smoother.next(frame < 30 ? before : after, frame * frameMs);
    if (class_id === after.class_id) return (frame - 29) * frameMs;
  }
  return Infinity;
}

test.each([20, 25, 30, 60])("at %i frames per second a change shows within 150 ms, however sure it is", (rate) => {
  for (const sure of [0.51, 0.55, 0.7, 0.9, 1])
    for (const next of [says(2, sure), says(null)])
      expect(delay(says(1, 1), next, 1000 / rate)).toBeLessThanOrEqual(150);
});

test("two frames that say something else are not shown, however sure they are", () => {
  for (const sure of [0.51, 0.9, 1]) {
    const frames = [1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, null, null, 1, 1].map((id) => says(id, sure));
    expect(new Set(shown(new Smoother(USUAL_SMOOTHING_MS), frames))).toEqual(new Set([1]));
  }
});

test("the probability is that of its bar, also when it was none of these just before", () => {
  const smoother = new Smoother(200);
  for (const [frame, id] of [null, null, 1, 1, 2, 1, 1, 1, 1, null, 1].entries()) {
    const { class_id, probability, probabilities } = smoother.next(says(id), frame * FRAME_MS);
    expect(probability).toBe(class_id === null ? 0 : probabilities[class_id]);
  }
});

test("without smoothing, and after a pause, the newest answer is shown as it is", () => {
  const off = new Smoother(0);
  expect(shown(off, [says(1), says(2), says(null)])).toEqual([1, 2, null]);
  const smoother = new Smoother(500);
  smoother.next(says(1), 0);
  expect(smoother.next(says(2), 5000)).toEqual(says(2));
});

test("probabilities still sum to one, and what is forgotten is gone", () => {
  const smoother = new Smoother(200);
  smoother.next(says(1), 0);
  const { probabilities } = smoother.next(says(2), 30);
  expect(Object.values(probabilities).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
  const nothing: PredictionInfo = { ...says(null), probabilities: {}, neighbors: [] };
  expect(smoother.next(nothing, 60)).toEqual(nothing);
});
