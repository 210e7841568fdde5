// partnercast: tells how long the page was in view, when it is hidden. No cookie, nothing kept, no name of anybody.
(() => {
  'use strict';
  const to = document.body.dataset.stay;
  if (!to || !navigator.sendBeacon) return;
  const now = () => Math.floor(performance.now());
  let since = document.hidden ? null : now(), seen = 0, told = 0, left = 20;
  const pause = () => {
    if (since !== null) seen += now() - since;
    since = null;
    const seconds = Math.floor(seen / 1000);
    if (seconds <= told || left < 1) return;
    told = seconds;
    left -= 1;
    navigator.sendBeacon(to, new URLSearchParams({ seconds: String(seconds) }));
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) pause();
    else if (since === null) since = now();
  });
  addEventListener('pagehide', pause);
  addEventListener('pageshow', () => { if (since === null && !document.hidden) since = now(); });
})();
