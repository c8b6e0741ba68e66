// «Включить в этом браузере»: asks for the right, subscribes, tells the server; and back.

const box = document.querySelector("[data-push]");
const say = box?.querySelector("[data-push-state]");
const on = box?.querySelector("[data-push-on]");
const off = box?.querySelector("[data-push-off]");
const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

async function send(url, told) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(told),
  });
  const { detail } = await answer.json();
  if (!answer.ok) throw new Error(detail);
  return detail;
}

function stand(isOn, words) {
  on.hidden = Boolean(isOn);
  off.hidden = !isOn;
  say.textContent = words ?? (isOn ? "Включены в этом браузере." : "");
}

async function registered() {
  return navigator.serviceWorker.register(box.dataset.worker, { scope: box.dataset.scope });
}

// Subscribed here and known to the server: a browser may have been taken off its list, or subscribed under an old key.
async function isKnown(subscription) {
  if (!subscription) return false;
  const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(subscription.endpoint));
  const name = Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return box.dataset.known.split(" ").includes(name);
}

async function fresh(worker) {
  const key = bytes(box.dataset.key);
  const old = await worker.pushManager.getSubscription();
  const kept = old && new Uint8Array(old.options.applicationServerKey ?? []);
  if (old && key.some((byte, place) => byte !== kept[place])) await old.unsubscribe();
  return worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

async function subscribe() {
  if ((await Notification.requestPermission()) !== "granted") {
    return stand(false, "Браузер не разрешил уведомления. Разрешите их для этого сайта в настройках браузера.");
  }
  const worker = await registered();
  await navigator.serviceWorker.ready;
  const subscription = await fresh(worker);
  stand(true, await send(box.dataset.subscribe, subscription));
}

async function unsubscribe() {
  const worker = await registered();
  const subscription = await worker.pushManager.getSubscription();
  if (subscription) {
    await send(box.dataset.unsubscribe, { endpoint: subscription.endpoint });
    await subscription.unsubscribe();
  }
  stand(false, "Выключены в этом браузере.");
}

function act(what) {
  return () => what().catch((error) => { say.textContent = error.message || "Не получилось. Попробуйте ещё раз."; });
}

async function look() {
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) {
    const phone = /iPhone|iPad/.test(navigator.userAgent);
    say.textContent = phone
      ? "На iPhone сначала добавьте эту страницу на экран «Домой» и откройте её оттуда."
      : "Этот браузер не умеет показывать уведомления.";
    return;
  }
  const worker = await registered();
  stand(await isKnown(await worker.pushManager.getSubscription()));
  on.addEventListener("click", act(subscribe));
  off.addEventListener("click", act(unsubscribe));
}

if (box) look().catch(() => { say.textContent = "Уведомления работают только по защищённому адресу (https)."; });
