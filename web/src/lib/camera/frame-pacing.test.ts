import { describe, expect, it } from "vitest";
import { FramePacing } from "./frame-pacing";

/** A camera of 30 frames a second, pictures that take 5 ms, and answers that take so long. */
function pacing(answering: number): FramePacing {
  const made = new FramePacing();
  made.frame(0);
  made.frame(33);
  made.making = 5;
  made.asked(100);
  made.answered(100 + answering);
  made.asked(1000);
  return made;
}

describe("when the next picture is made", () => {
  it("is at once, where the answer comes before the frame after it", () => {
    expect(pacing(25).isTime(1002)).toBe(true);
  });

  it("is not while a newer frame will still be in time", () => {
    const slow = pacing(100);
    expect(slow.isTime(1010)).toBe(false);
    expect(slow.isTime(1043)).toBe(false);
    expect(slow.isTime(1076)).toBe(true);
  });

  it("is with every frame, once the answer is late", () => {
    expect(pacing(50).isTime(1200)).toBe(true);
  });

  it("is at once, before anything is known", () => {
    expect(new FramePacing().isTime(5)).toBe(true);
  });
});
