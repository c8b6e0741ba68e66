// While a version is being trained its part of the page is asked for again and again; without scripts a reload shows the same.
const EVERY = 1500; // milliseconds

async function refresh() {
  const shown = document.getElementById("learning");
  if (!shown?.hasAttribute("data-training")) return;
  try {
    const answer = await fetch(shown.dataset.state, { headers: { Accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("learning");
      if (fresh) shown.replaceWith(fresh);
    }
  } catch {
    // offline for a moment: asked again
  }
  setTimeout(refresh, EVERY);
}

setTimeout(refresh, EVERY);
