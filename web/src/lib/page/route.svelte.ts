import { addressOf, parseAddress, type Query, type View } from "./address";

/** The route of the page, from its address. */
export class Route {
  #hash = $state(location.hash);
  readonly #place = $derived(parseAddress(this.#hash));
  readonly view = $derived(this.#place.view);
  readonly query = $derived(this.#place.query);

  constructor() {
    addEventListener("hashchange", () => (this.#hash = location.hash));
  }

  go(view: View, query: Query = {}): void {
    location.hash = addressOf(view, query);
    scrollTo(0, 0);
  }

  /** Change the query of the current view; "back" still leads to the view before. */
  refine(query: Query): void {
    this.#hash = addressOf(this.view, query);
    history.replaceState(null, "", this.#hash);
  }
}
