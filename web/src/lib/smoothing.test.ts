import { expect, test } from "vitest";
import { Smoother, USUAL_SMOOTHING_MS } from "./smoothing";
import type { PredictionInfo } from "./types";

const FRAME_MS = 1000 / 30;

function says(classId: number | null, sure = 0.9): PredictionInfo {
  const other = classId === 1 ? 2 : 1;
  const probabilities = { [classId ?? 1]: sure, [other]: 1 - sure };
  const label = classId === null ? null : `Class ${classId}`;
  const neighbors = [{ example_id: 1, class_id: 1, similarity: 0.5 }];
  return { class_id: classId, label, probability: classId ? sure : 0, probabilities, familiarity: 1, neighbors };
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

test("a change shows within 150 ms, to another class and to none of these", () => {
  for (const next of [2, null]) {
    const answers = [...Array<PredictionInfo>(20).fill(says(1)), ...Array<PredictionInfo>(10).fill(says(next))];
    const at = shown(new Smoother(USUAL_SMOOTHING_MS), answers).indexOf(next);
    expect((at - 20 + 1) * FRAME_MS).toBeLessThanOrEqual(150);
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
