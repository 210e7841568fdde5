// partnercast: shows a partner's content in their own site. No cookies, nothing stored, nothing else loaded.
// <div data-partnercast="PARTNER/FOLDER/SLUG" data-mode="inline"><a href="…">Title</a></div>
(() => {
  'use strict';
  const script = document.currentScript, base = new URL(script.src).origin, shown = [];
  const page = ({ partnercast: what, lang }) =>
    /^[\w-]+(\/[\w-]+\/[\w-]+)?$/.test(what) && [base + '/p/' + what + '/embed', lang ? '?lang=' + encodeURIComponent(lang) : ''];

  // The frame tells its height, with the number it was given; until then the link in its place can be used.
  const frame = (el, [path, query]) => {
    const own = document.createElement('iframe');
    const secret = crypto.getRandomValues(new Uint32Array(4)).join('-');
    own.title = el.dataset.title || el.textContent.trim() || document.title;
    own.loading = 'lazy';
    own.src = path + query + '#?secret=' + secret;
    own.style.cssText = 'grid-area:1/1;display:block;width:100%;border:0;visibility:hidden;height:' + (parseInt(el.style.minHeight) || 420) + 'px';
    el.style.display = 'grid';
    for (const old of el.children) old.style.gridArea = '1/1';
    el.append(own);
    shown.push({ el, own, secret });
  };
  addEventListener('message', ({ data, origin, source }) => {
    if (origin !== base || !data || data.message !== 'height') return;
    const it = shown.find(({ own, secret }) => own.contentWindow === source && secret === data.secret);
    const px = it && Math.ceil(data.value);
    if (!(px > 0 && px < 30000)) return;
    it.own.style.height = px + 'px';
    it.own.style.visibility = 'visible';
    for (const old of it.el.children) if (old !== it.own) old.hidden = true;
  });

  // In the page itself, in its typeface: what runs is left out of what was fetched.
  const clean = (html) => {
    const body = new DOMParser().parseFromString(html, 'text/html').body;
    body.querySelectorAll('script,style,iframe,object,embed,link,meta,base,form,svg,math').forEach((el) => el.remove());
    body.querySelectorAll('*').forEach((el) => {
      for (const { name, value } of [...el.attributes]) {
        if (/^(on|style|srcset)/.test(name) || (/^(href|src)$/.test(name) && !/^https?:/.test(value))) el.removeAttribute(name);
      }
    });
    return body.childNodes;
  };
  const inline = async (el, [path, query]) => {
    const reply = await fetch(path + '.html' + query, { credentials: 'omit' });
    if (!reply.ok && reply.status !== 410) throw reply.status;
    const nodes = clean(await reply.text()), sheet = new CSSStyleSheet(), root = el.attachShadow({ mode: 'open' });
    sheet.replaceSync(':host{display:block}*{max-width:100%;overflow-wrap:anywhere}img{height:auto}');
    root.adoptedStyleSheets = [sheet];
    root.append(...nodes);
  };

  const near = new IntersectionObserver((seen) => seen.forEach(({ isIntersecting, target }) => {
    if (!isIntersecting) return;
    near.unobserve(target);
    const at = page(target.dataset);
    inline(target, at).catch(() => frame(target, at));
  }), { rootMargin: '600px' });
  const all = () => document.querySelectorAll('[data-partnercast]').forEach((el) => {
    const at = el !== script && !el.dataset.at && page(el.dataset);
    if (!at) return;
    el.dataset.at = '1';
    if (el.dataset.mode === 'inline' && !at[0].includes('/forms/')) near.observe(el);
    else frame(el, at);
  });
  if (script.dataset.partnercast) {
    const el = document.createElement('div');
    Object.assign(el.dataset, script.dataset);
    script.after(el);
  }
  all();
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', all);
})();
