// A browser runs no modules from a file: say what to do instead of nothing.
if (location.protocol === "file:") {
  document.addEventListener("DOMContentLoaded", () => {
    const note = document.createElement("p");
    note.style.cssText = "max-width: 36em; margin: 20vh auto; padding: 0 24px; font: 18px/1.5 system-ui";
    note.textContent =
      "This page must come from a web server, not straight from a file. In its folder run: " +
      "python -m http.server — then open http://localhost:8000 (or put the folder on any static host).";
    document.body.replaceChildren(note);
  });
}
