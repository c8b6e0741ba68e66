// The lead form of a site: one key for each filled form, so that a retry is no second lead; UTM marks are kept for the visit.
const form = document.querySelector("[data-lead-form]");

if (form) {
  const kept = JSON.parse(sessionStorage.getItem("utm") || "{}");
  for (const [name, value] of new URLSearchParams(location.search)) if (/^(utm_\w+|promo)$/.test(name) && value) kept[name] = value.slice(0, 200);
  sessionStorage.setItem("utm", JSON.stringify(kept));
  for (const [name, value] of Object.entries(kept)) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  form.elements.client_key.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  form.elements.page.value = location.origin + location.pathname;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const trouble = form.querySelector(".lead-form__trouble");
    const button = form.querySelector("button");
    button.disabled = true;
    trouble.hidden = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (!answer.ok) throw new Error(String(answer.status));
      const thanks = document.querySelector(".lead-form__thanks");
      form.hidden = true;
      thanks.hidden = false;
      thanks.focus();
    } catch {
      trouble.textContent = "Не отправилось. Проверьте связь и нажмите ещё раз: заявка не задвоится.";
      trouble.hidden = false;
    }
    button.disabled = false;
  });
}
