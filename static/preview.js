// The preview follows the folder: waits for a change, then takes in the findings and shows the panes anew where they were.
(() => {
  'use strict';
  const root = document.querySelector('[data-preview]');
  if (!root) return;
  let version = Number(root.dataset.preview), failures = 0;

  const put = (page) => ['found', 'groups', 'title', 'says-1', 'says-2'].forEach((id) => {
    const place = document.getElementById(id), fresh = page.getElementById(id);
    if (place && fresh && !place.contains(document.activeElement)) place.innerHTML = fresh.innerHTML;
  });
  const show = () => document.querySelectorAll('.stage iframe').forEach((frame) => {
    let at = 0;
    try { at = frame.contentWindow.scrollY; } catch (unreadable) { /* a viewer of the browser's own */ }
    frame.addEventListener('load', () => {
      try { frame.contentWindow.scrollTo(0, at); } catch (unreadable) { /* the same */ }
    }, { once: true });
    const address = new URL(frame.src);
    address.searchParams.set('seen', version);
    // Replaced, not navigated: going back must not go through every save.
    try { frame.contentWindow.location.replace(address); } catch (unreadable) { frame.src = address; }
  });
  const follow = () => {
    fetch('/changes?seen=' + version, { cache: 'no-store' })
      .then((reply) => (reply.ok ? reply.json() : Promise.reject(new Error(reply.status))))
      .then((now) => {
        failures = 0;
        if (now.version === version) return null;
        version = now.version;
        show();
        return fetch(location.href, { cache: 'no-store' }).then((reply) => reply.text())
          .then((html) => put(new DOMParser().parseFromString(html, 'text/html')));
      })
      .catch(() => { failures = Math.min(failures + 1, 5); })
      .then(() => setTimeout(follow, failures ? 250 * (1 << failures) : 0));
  };
  follow();
})();
