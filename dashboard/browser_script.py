"""What the browser does beyond what Streamlit has it do: a script of the dashboard's own, the same on every page."""

SCRIPT = """<script>
if (!window.ratecard) {
  window.ratecard = true;
  // Streamlit tells of one change of the address in several steps: one act of a person is one press of Back.
  let acted = false;
  for (const act of ["click", "keydown"]) document.addEventListener(act, () => { acted = true; }, true);
  const push = history.pushState.bind(history);
  history.pushState = (...step) => { acted ? push(...step) : history.replaceState(...step); acted = false; };
  // What a key opens stands at the end of the page, a moment later: the next key is for it.
  const enter = (tries) => {
    const first = document.querySelector("[data-testid=stPopoverBody] :is(input, a, button)");
    first?.focus();
    if (tries && (!first || document.activeElement !== first)) setTimeout(enter, 100, tries - 1);
  };
  document.addEventListener("keydown", (pressed) => {
    const opens = pressed.target.closest?.("[data-testid=stPopoverButton][aria-expanded=false]");
    if (opens && (pressed.key === "Enter" || pressed.key === " ")) setTimeout(enter, 100, 20);
  }, true);
}
</script>"""

__all__ = ["SCRIPT"]
