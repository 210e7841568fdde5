// partnercast: what pages gain from script. Every page works without it.
(() => {
  'use strict';
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));

  // Time: the server's calendar may differ from this machine's (demo clock), so count from what the page was told.
  let ahead = Number(document.documentElement.dataset.now || Date.now()) - Date.now();
  const now = () => Date.now() + ahead;

  // The same words as view::when::left on the server.
  const span = (ms) => {
    const minutes = Math.floor(ms / 60000);
    if (minutes < 1) return Math.floor(ms / 1000) + ' s';
    if (minutes < 60) return minutes + ' min';
    const hours = Math.floor(minutes / 60);
    return hours < 48 ? hours + ' h ' + (minutes % 60) + ' min' : Math.floor(hours / 24) + ' days';
  };
  const tick = () => {
    all('[data-due]').forEach((clock) => {
      const due = Number(clock.dataset.due), from = Number(clock.dataset.from), left = due - now();
      const share = Math.max(0, Math.min(1, left / Math.max(1, due - from)));
      const text = left >= 0 ? span(left) + ' left' : span(-left) + ' late';
      const words = clock.querySelector('[data-left]'), bar = clock.querySelector('.bar rect');
      if (words && words.textContent !== text) words.textContent = text;
      if (bar) bar.setAttribute('width', (left < 0 ? 100 : share * 100).toFixed(1) + '%');
      clock.classList.toggle('bad', left < 0);
      clock.classList.toggle('warn', left >= 0 && share < 0.25);
      clock.classList.toggle('good', left >= 0 && share >= 0.25);
    });
  };
  setInterval(tick, 1000);

  // Live parts: GET {now_ms, fragments: {id: html}} and put in what changed, never under a reader's hands.
  all('[data-poll]').forEach((root) => {
    const every = Number(root.dataset.every || 2000);
    let failures = 0;
    const shown = {}, parsed = document.createElement('template');
    const again = () => setTimeout(poll, every * Math.min(8, 1 << failures));
    const poll = () => {
      if (document.hidden) return again();
      fetch(root.dataset.poll, { headers: { accept: 'application/json' }, cache: 'no-store' })
        .then((reply) => (reply.ok ? reply.json() : Promise.reject(new Error(reply.status))))
        .then((live) => {
          failures = 0;
          if (live.now_ms) ahead = live.now_ms - Date.now();
          Object.entries(live.fragments || {}).forEach(([id, html]) => {
            const place = document.getElementById(id);
            if (!place || shown[id] === html || place.contains(document.activeElement)) return;
            if (!(id in shown)) parsed.innerHTML = html;
            const same = !(id in shown) && parsed.innerHTML === place.innerHTML;
            shown[id] = html;
            if (!same) place.innerHTML = html;
          });
          tick();
        })
        .catch(() => { failures = Math.min(failures + 1, 3); })
        .then(again);
    };
    again();
  });

  // Texts to take along. The buttons are hidden until script can serve them; a page without has the texts to select.
  all('[data-copy]').forEach((button) => {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    button.hidden = false;
    const label = button.textContent;
    const told = (word) => {
      button.textContent = word;
      setTimeout(() => { button.textContent = label; }, 2000);
    };
    button.addEventListener('click', () => {
      if (source.select) source.select();
      const copied = navigator.clipboard ? navigator.clipboard.writeText(source.value || source.textContent) : Promise.reject();
      copied.then(() => told(button.dataset.done || 'Copied'), () => told('Selected: copy it now'));
    });
  });

  // Filters that submit themselves.
  all('[data-submit]').forEach((choice) => choice.addEventListener('change', () => choice.form.requestSubmit()));

  // A form is sent once.
  all('form[method=post]').forEach((form) => form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = '1';
    setTimeout(() => delete form.dataset.sent, 5000);
  }));

  const summary = document.querySelector('.faults');
  if (summary) summary.focus();
  tick();
})();
