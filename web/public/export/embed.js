// <classify-anything src="folder/"></classify-anything>: an exported page inside another page.
//
// It fires "prediction" for each answer; event.detail is { label, probability, probabilities }, and the
// label is null for "none of these". "ready" is fired once it answers. The camera's frames stay inside.
class ClassifyAnything extends HTMLElement {
  static observedAttributes = ["src"];

  #frame = document.createElement("iframe");

  constructor() {
    super();
    this.#frame.allow = "camera; cross-origin-isolated";
    this.#frame.title = "Classify Anything";
    this.#frame.style.cssText = "display: block; width: 100%; height: 100%; border: 0";
    const style = document.createElement("style");
    style.textContent = ":host { display: block; height: 480px }";
    this.attachShadow({ mode: "open" }).append(style, this.#frame);
  }

  connectedCallback() {
    addEventListener("message", this.#hear);
  }

  disconnectedCallback() {
    removeEventListener("message", this.#hear);
  }

  attributeChangedCallback() {
    const address = new URL(this.getAttribute("src") ?? "", document.baseURI);
    address.searchParams.set("embedded", "");
    this.#frame.src = address.href;
  }

  #hear = ({ source, data }) => {
    if (source !== this.#frame.contentWindow || data?.from !== "classify-anything") return;
    this.dispatchEvent(new CustomEvent(data.type, { detail: data.detail, bubbles: true }));
  };
}

customElements.define("classify-anything", ClassifyAnything);
