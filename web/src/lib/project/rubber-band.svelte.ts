/** Select examples by drawing a rectangle with the mouse; scroll at the edges. */

import { touchedBy, type Box, type Grid } from "./grid";
import type { Selection } from "./selection";

/** A click moves the mouse less than this. */
const SLACK_PX = 5;
/** Pixels to scroll per frame, for each pixel outside the window. */
const SCROLL_SPEED = 0.3;

interface Surroundings {
  grid(): Grid;
  /** The element that contains the squares. */
  sheet(): HTMLElement;
  scroller(): HTMLElement;
  /** Return the selection to add to. */
  begin(event: PointerEvent): Selection;
  select(base: Selection, indices: number[]): void;
}

export class RubberBand {
  /** In coordinates of the sheet. */
  box = $state.raw<Box | null>(null);
  readonly #around: Surroundings;
  #base: Selection | null = null;
  #from = { x: 0, y: 0 };
  /** In coordinates of the window. */
  #mouse = { x: 0, y: 0 };
  #frame = 0;
  #wasDrawn = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Whether the current click only ends a rectangle. */
  ended(): boolean {
    const ended = this.#wasDrawn;
    this.#wasDrawn = false;
    return ended;
  }

  readonly down = (event: PointerEvent): void => {
    const scroller = this.#around.scroller();
    const onScrollbar = event.target === scroller && event.offsetX >= scroller.clientWidth;
    this.#wasDrawn = false;
    if (event.button !== 0 || event.pointerType !== "mouse" || onScrollbar) return;
    this.#base = this.#around.begin(event);
    this.#mouse = { x: event.clientX, y: event.clientY };
    this.#from = this.#onSheet();
  };

  readonly move = (event: PointerEvent): void => {
    if (!this.#base) return;
    this.#mouse = { x: event.clientX, y: event.clientY };
    if (this.box) {
      this.#draw();
      return;
    }
    const { x, y } = this.#onSheet();
    if (Math.hypot(x - this.#from.x, y - this.#from.y) < SLACK_PX) return;
    this.#around.scroller().setPointerCapture(event.pointerId);
    this.#scroll();
  };

  readonly up = (): void => {
    cancelAnimationFrame(this.#frame);
    this.#wasDrawn = this.box !== null;
    this.#base = this.box = null;
  };

  #onSheet(): { x: number; y: number } {
    const { left, top } = this.#around.sheet().getBoundingClientRect();
    return { x: this.#mouse.x - left, y: this.#mouse.y - top };
  }

  #draw(): void {
    if (!this.#base) return;
    const { x, y } = this.#onSheet();
    const { width, height } = this.#around.sheet().getBoundingClientRect();
    const within = (value: number, most: number) => Math.min(Math.max(0, value), most);
    this.box = {
      left: within(Math.min(x, this.#from.x), width),
      top: within(Math.min(y, this.#from.y), height),
      right: within(Math.max(x, this.#from.x), width),
      bottom: within(Math.max(y, this.#from.y), height),
    };
    this.#around.select(this.#base, touchedBy(this.#around.grid(), this.box));
  }

  /** Repeat while drawing: a mouse at rest outside the window keeps scrolling. */
  #scroll(): void {
    const scroller = this.#around.scroller();
    const { top, bottom } = scroller.getBoundingClientRect();
    const beyond = Math.min(0, this.#mouse.y - top) + Math.max(0, this.#mouse.y - bottom);
    if (beyond !== 0) scroller.scrollTop += SCROLL_SPEED * beyond;
    if (beyond !== 0 || !this.box) this.#draw();
    this.#frame = requestAnimationFrame(() => this.#scroll());
  }
}
