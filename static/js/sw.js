// Notices while no page is open: shows a push, and answers it («Взять», «Не могу») by the token that came with it.

const REACT = new URL("notices/react/", self.location.href); // this file is served at <business>/inbox/sw.js

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

function tell(token, what) {
  return fetch(REACT, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, what }),
  });
}

function show(told) {
  return self.registration.showNotification(told.title, {
    body: told.body,
    tag: told.tag,
    renotify: Boolean(told.urgent),
    requireInteraction: Boolean(told.urgent),
    actions: told.actions,
    data: { url: told.url, token: told.token, tag: told.tag },
    lang: "ru",
  });
}

self.addEventListener("push", (event) => {
  let told = { title: "Новое уведомление", url: new URL("./", self.location.href).href };
  try {
    told = { ...told, ...event.data.json() };
  } catch {
    // something always has to be shown: a browser that shows nothing loses the right to push
  }
  event.waitUntil(show(told).then(() => told.token && tell(told.token, "shown").catch(() => {})));
});

async function answer(data, what) {
  try {
    const told = await (await tell(data.token, what)).json();
    await show({ title: told.detail, body: "", tag: data.tag, url: told.url ?? data.url, actions: [] });
  } catch {
    await show({ title: "Ответ не отправлен: нет связи", body: "Откройте заявку.", tag: data.tag, url: data.url, actions: [] });
  }
}

async function open(url) {
  const pages = await self.clients.matchAll({ type: "window" });
  const shown = pages.find((page) => page.url === url) ?? pages[0];
  if (!shown) return self.clients.openWindow(url);
  await shown.focus();
  if (shown.url !== url) await shown.navigate(url);
}

self.addEventListener("notificationclick", (event) => {
  const { data } = event.notification;
  event.notification.close();
  event.waitUntil(event.action && data.token ? answer(data, event.action) : open(data.url));
});
