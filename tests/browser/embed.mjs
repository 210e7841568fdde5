// Content in a partner's own site, in a real browser: a page of another origin under a strict policy, with the loader pinned by
// its hash; a frame in the sandbox that WordPress makes; what oEmbed says; and what a recall leaves. Prints how much the page
// moved and what it loaded.
//
// PARTNERCAST, PLAYWRIGHT_CORE, AXE_CORE, CHROMIUM and SCREENSHOTS as for story.mjs; openssl makes the site's certificate. Exit
// code 0 means that all held.

import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:https";
import { mkdtemp, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const program = process.env.PARTNERCAST ?? path.join(root, "target/debug/partnercast");
const require = createRequire(import.meta.url);
const { chromium } = require(process.env.PLAYWRIGHT_CORE ?? "playwright-core");

const SITE = "https://northlight.example";
const ARTICLE = "blog/restores-not-backups";
const WEBINAR = "webinars/live-restore-in-20-minutes";
const TAKEN_BACK = "blog/taken-back";
const HEIGHTS = { "": 640, [ARTICLE]: 640, [WEBINAR]: 360, "forms/talk-to-us": 720 };

async function startDemo(folder) {
  const child = spawn(program, ["demo", "--port", "0", "--no-browser", "--fresh", "--dir", folder], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of child.stdout) {
    said += chunk;
    const found = said.match(/http:\/\/127\.0\.0\.1:\d+/);
    if (found) {
      child.stdout.resume();
      return { child, base: found[0] };
    }
  }
  throw new Error(`it ended without saying where it is: ${said}`);
}

/** A site that is not ours, whose pages are `pages` by path, each with its policy. */
async function startSite(folder, pages) {
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(folder, name));
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=northlight.example", "-keyout", key, "-out", cert], { stdio: "ignore" });
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (request, response) => {
    const page = pages[request.url.split("?")[0]];
    if (!page) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": page.type ?? "text/html; charset=utf-8", ...(page.policy && { "content-security-policy": page.policy }) });
    response.end(page.body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const folder = await mkdtemp(path.join(tmpdir(), "embed-"));
const { child, base } = await startDemo(path.join(folder, "demo"));
const faults = [];
const pages = {};
const site = await startSite(folder, pages);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    `--host-resolver-rules=MAP *.example:443 127.0.0.1:${site.address().port}`,
  ],
});

const ask = async (address) => {
  const reply = await fetch(`${base}${address}`, { redirect: "manual" });
  return { status: reply.status, headers: reply.headers, text: await reply.text() };
};
/** What the console tells the partner to paste. */
const unescaped = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&#x27;", "'").replaceAll("&#x2F;", "/").replaceAll("&amp;", "&");

try {
  const pasted = [...(await ask("/console/partners/northlight/embed")).text.matchAll(/<textarea id="([^"]+)"[^>]*>([^<]*)</g)].map(([, id, text]) => [id, unescaped(text)]);
  const kit = Object.fromEntries(pasted);
  const place = (what) => pasted.map(([, html]) => html).find((html) => html.includes(`data-partnercast="northlight${what && `/${what}`}" `));
  assert.ok(kit.fixed.includes("integrity=\"sha384-") && kit.floating.includes("/embed/v1.js"), JSON.stringify(kit));

  // The site forbids all that it does not need, style attributes too: the room is kept by its own style sheet.
  const policy = `default-src 'none'; style-src 'self'; script-src ${base}; frame-src ${base}; connect-src ${base}; img-src ${base}; base-uri 'none'; form-action 'none'`;
  const bare = (html) => html.replace(/ style="[^"]*"/, "");
  const css = Object.entries(HEIGHTS).map(([what, px]) => `[data-partnercast="northlight${what && `/${what}`}"]{min-height:${px}px}`).join("\n");
  pages["/site.css"] = { type: "text/css", body: `body{margin:1rem auto;max-width:60rem;font:1rem/1.5 serif}\n${css}\n.own{min-height:0!important}` };
  const whole = (body) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Northlight</title><link rel="stylesheet" href="/site.css">${kit.fixed}</head><body><h1>What we write</h1><p>Beside it.</p>${body}<p id="below">Below.</p></body></html>`;
  const all = [ARTICLE, "forms/talk-to-us", WEBINAR, ""].map((what) => bare(place(what))).join("\n<hr>\n");
  pages["/"] = { policy, body: whole(all) };
  pages["/inline"] = { policy, body: whole([ARTICLE, WEBINAR].map((what) => bare(place(what)).replace("<div ", '<div class="own" data-mode="inline" ')).join("")) };
  pages["/favicon.ico"] = { type: "image/png", body: "" };
  pages["/hosted"] = { body: kit.whole };
  const opened = async (address, width) => {
    // A reader who was never here: nothing is kept from another page.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.setViewportSize({ width, height: 800 });
    page.on("pageerror", (error) => faults.push(`script, ${address}: ${error.message}`));
    page.on("console", (line) => line.type() === "error" && faults.push(`console, ${address}: ${line.text()}`));
    let bytes = 0;
    let script = 0;
    page.on("requestfinished", async (request) => {
      if (!request.url().startsWith(base)) return;
      const sizes = await request.sizes().catch(() => null);
      if (!sizes) return;
      bytes += sizes.responseBodySize + sizes.responseHeadersSize;
      if (request.url().includes("/embed/v1")) script = sizes.responseBodySize;
    });
    await page.addInitScript(() => {
      window.moved = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => { if (!entry.hadRecentInput) window.moved += entry.value; })).observe({ type: "layout-shift", buffered: true });
    });
    await page.goto(address);
    return { page, context, loaded: () => ({ bytes, script }) };
  };
  const shot = async (page, name) => {
    if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `embed-${name}.png`), fullPage: true });
  };
  const frameOf = async (page, what) => {
    const place = page.locator(`[data-partnercast="northlight${what && `/${what}`}"]`);
    await place.scrollIntoViewIfNeeded();
    await page.waitForFunction((el) => el.querySelector("iframe")?.style.visibility === "visible", await place.elementHandle());
    return { place, frame: await (await place.locator("iframe").elementHandle()).contentFrame() };
  };

  for (const width of [1280, 360]) {
    const { page, context, loaded } = await opened(`${SITE}/`, width);
    for (const what of [ARTICLE, "forms/talk-to-us", WEBINAR, ""]) {
      const { place, frame } = await frameOf(page, what);
      const high = await page.waitForFunction(
        (el) => {
          const own = el.querySelector("iframe");
          return own.getBoundingClientRect().height > 100 && own.title.length > 3 && own.loading === "lazy" && own.getBoundingClientRect().width <= innerWidth;
        },
        await place.elementHandle(),
      );
      assert.ok(await high.jsonValue());
      const inside = await frame.evaluate(() => ({ wide: document.documentElement.scrollWidth - innerWidth, high: document.querySelector("main").getBoundingClientRect().height - innerHeight }));
      assert.ok(inside.wide <= 0 && inside.high <= 1, `${what} at ${width}: ${JSON.stringify(inside)}`);
      assert.equal(await place.locator(":scope > a").isHidden(), true, "the frame is in place of the link");
    }
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]);
    assert.deepEqual(kept, ["", 0, 0]);
    const moved = await page.evaluate(() => window.moved);
    await page.waitForLoadState("networkidle");
    const { bytes, script } = loaded();
    console.log(`${width} px, four places: layout shift ${moved.toFixed(4)}; loaded from us ${(bytes / 1024).toFixed(1)} kB, the loader ${script} bytes`);
    assert.ok(moved < 0.1, `layout shift ${moved} at ${width} px`);
    assert.ok(script > 0 && script < 3072, `the loader has ${script} bytes on the wire`);
    await page.evaluate(() => scrollTo(0, 0));
    await shot(page, `${width}`);
    assert.deepEqual(await context.cookies(), [], "nobody set a cookie");
    await page.close();
  }

  // A form is sent through its frame: with a fault, then rightly; the frame follows its height.
  {
    const { page } = await opened(`${SITE}/`, 1280);
    const { frame } = await frameOf(page, "forms/talk-to-us");
    await frame.getByLabel("Your name").fill("Nora Quist");
    await frame.locator("form button").click();
    await frame.getByRole("alert").waitFor();
    faults.length = 0; // 422 is what a fault is answered with.
    await frame.getByLabel("Work email").fill("nora.quist@clinic.example");
    await frame.getByLabel("Company", { exact: true }).fill("Lakeside Clinic");
    for (const area of await frame.locator("textarea").all()) await area.fill("We had a failed restore last week.");
    await frame.locator("input[name=consent]").check();
    await frame.locator("form button").click();
    await frame.getByText("Your answer is with Northlight MSP.").waitFor();
    await page.waitForFunction(() => document.querySelector('[data-partnercast$="talk-to-us"] iframe').getBoundingClientRect().height < 400);
    await page.close();
    const leads = await ask("/console/leads");
    assert.ok(leads.text.includes("Nora Quist"), "the lead is there");
    const card = leads.text.match(/href="(\/console\/leads\/[^"]+)">Nora Quist/);
    assert.ok((await ask(card[1])).text.includes("by what stands in the partner"), "and says how it came");
  }

  // Links lead out of the frame, tracked.
  {
    const { page, context } = await opened(`${SITE}/`, 1280);
    const { frame } = await frameOf(page, ARTICLE);
    const [popup] = await Promise.all([context.waitForEvent("page"), frame.locator("a.btn").click()]);
    await popup.waitForURL(/\/p\/northlight\/blog\//);
    assert.ok(popup.url().includes("utm_medium=referral&utm_campaign=embed"), popup.url());
    await popup.close();
    await page.close();
  }

  // In the page itself.
  {
    const { page } = await opened(`${SITE}/inline`, 360);
    await page.waitForFunction(() => [...document.querySelectorAll("[data-partnercast]")].every((el) => el.shadowRoot?.querySelector("article")));
    const inline = await page.evaluate(() => {
      const root = document.querySelector("[data-partnercast]").shadowRoot;
      return { font: getComputedStyle(root.querySelector("p")).fontFamily, href: root.querySelector("a.btn, a").href, frames: document.querySelectorAll("iframe").length };
    });
    assert.ok(inline.font.includes("serif") && inline.frames === 0, JSON.stringify(inline));
    assert.ok(inline.href.startsWith(`${base}/t/`), inline.href);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    await shot(page, "inline-360");
    await page.close();
  }

  // The whole page that the partner hosts.
  {
    const { page } = await opened(`${SITE}/hosted`, 360);
    await frameOf(page, "");
    await frameOf(page, "forms/talk-to-us");
    await shot(page, "hosted-360");
    await page.close();
  }

  // A site that is not the partner's: the browser refuses the frame, and the link stays.
  {
    const before = faults.length;
    const { page } = await opened("https://someone-else.example/", 1280);
    const place = page.locator(`[data-partnercast="northlight/${ARTICLE}"]`);
    await place.locator("iframe").waitFor({ state: "attached" });
    await page.waitForLoadState("networkidle");
    assert.equal(await place.locator(":scope > a").isVisible(), true);
    assert.equal(await place.locator("iframe").isVisible(), false);
    await page.close();
    assert.ok(faults.slice(before).every((fault) => /frame-ancestors|Framing/.test(fault)), faults.slice(before).join("\n"));
    faults.length = before;
  }

  // oEmbed, found by the page's own link; and its frame in the sandbox that WordPress puts around it.
  {
    const article = (await ask(`/p/northlight/${ARTICLE}`)).text;
    const link = unescaped(article.match(/type="application\/json\+oembed"[^>]*href="([^"]+)"/)[1]);
    const said = await (await fetch(link)).json();
    assert.deepEqual([said.version, said.type, said.width, said.height], ["1.0", "rich", 600, 640]);
    assert.match(said.html, /^<blockquote><a href="[^"]+">[^<]+<\/a><\/blockquote><iframe [^>]+><\/iframe>$/);
    const url = encodeURIComponent(`${base}/p/northlight/${ARTICLE}`);
    const small = JSON.parse((await ask(`/oembed?url=${url}&maxwidth=300&maxheight=200`)).text);
    assert.deepEqual([small.width, small.height], [300, 200]);
    const xml = await ask(`/oembed?url=${url}&format=xml`);
    assert.ok(xml.headers.get("content-type").startsWith("text/xml") && xml.text.includes("<type>rich</type>"));
    for (const [query, status] of [[`url=${url}&format=yaml`, 501], ["url=https%3A%2F%2Felsewhere.example%2F", 404], [`url=${encodeURIComponent(`${base}/p/northlight/blog/none`)}`, 404], [`url=${encodeURIComponent(`${base}/r/abc`)}`, 401], ["", 404]]) {
      assert.equal((await ask(`/oembed?${query}`)).status, status, query);
    }
    const source = said.html.match(/<iframe src="([^"]+)"/)[1];
    pages["/wordpress"] = { body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>WordPress</title><body><iframe sandbox="allow-scripts" security="restricted" title="x" width="600" height="640" src="${source}#?secret=abcDEF1234" data-secret="abcDEF1234"></iframe><script>window.told = []; addEventListener("message", (event) => told.push({ ...event.data, origin: event.origin }));</script></body></html>` };
    const { page } = await opened(`${SITE}/wordpress`, 1280);
    await page.waitForFunction(() => window.told.some((one) => one.message === "height"));
    const frame = page.frames().find((one) => one.url().includes("/embed"));
    const look = await frame.evaluate(async () => {
      await document.fonts.ready;
      return { origin: self.origin, padding: getComputedStyle(document.querySelector(".btn")).paddingTop, fonts: [...document.fonts].filter((font) => font.status === "loaded").length };
    });
    assert.ok(look.origin === "null" && look.padding !== "0px", JSON.stringify(look));
    await frame.locator("a.btn").click();
    await page.waitForFunction(() => window.told.some((one) => one.message === "link"));
    const told = await page.evaluate(() => window.told);
    assert.ok(told.every((one) => one.secret === "abcDEF1234" && one.origin === "null"), JSON.stringify(told));
    assert.ok(told.find((one) => one.message === "link").value.startsWith(`${base}/t/`));
    await shot(page, "wordpress");
    await page.close();
  }

  // A recall: with the next look it is gone, in the frame, in the page, for oEmbed.
  {
    const file = path.join(folder, "demo/content", `${TAKEN_BACK}.md`);
    const page1 = `/p/northlight/${TAKEN_BACK}`;
    const until = async (status) => {
      const end = Date.now() + 60_000;
      while ((await ask(page1)).status !== status) assert.ok(Date.now() < end, `${page1} is not ${status}`);
    };
    await writeFile(file, "---\nkind: blog\ntitle: Four hours\nsummary: How long it takes.\nroles: [sales]\npublish: 2027-01-05\nauthor: Priya Raman\n---\nIt takes 4 hours.\n");
    await until(200);
    const place = (mode) => `<div data-partnercast="northlight/${TAKEN_BACK}"${mode}><a href="${base}${page1}">Four hours</a></div>`;
    pages["/taken"] = { policy, body: whole(place("")) };
    pages["/taken-inline"] = { policy, body: whole(place(' data-mode="inline"')) };
    const url = encodeURIComponent(base + page1);
    const framed = (await opened(`${SITE}/taken`, 360)).page;
    const frame = (await frameOf(framed, TAKEN_BACK)).frame;
    await frame.getByText("It takes 4 hours.").waitFor();
    assert.equal((await ask(`/oembed?url=${url}`)).status, 200);
    await unlink(file);
    await until(404);
    const form = new URLSearchParams({ reference: TAKEN_BACK, because: "a wrong number", to: "", sure: "yes" });
    const recalled = await fetch(`${base}/console/recalls`, { method: "POST", body: form, headers: { origin: base }, redirect: "manual" });
    assert.equal(recalled.status, 303, await recalled.text());
    const before = faults.length;
    await framed.reload();
    const { frame: now } = await frameOf(framed, TAKEN_BACK);
    await now.getByRole("article").getByText("This is no longer available").waitFor();
    assert.equal(await now.getByText("4 hours").count(), 0);
    await shot(framed, "recalled-360");
    const inline = (await opened(`${SITE}/taken-inline`, 360)).page;
    await inline.getByRole("article").getByText("This is no longer available").waitFor();
    assert.equal((await ask(`/oembed?url=${url}`)).status, 404);
    assert.ok(faults.slice(before).every((fault) => fault.includes("410")), faults.slice(before).join("\n"));
    faults.length = before;
  }
  assert.deepEqual(faults, []);
  console.log("content in the partner's site held");
} finally {
  await browser.close();
  site.close();
  child.kill("SIGTERM");
  await rm(folder, { recursive: true, force: true });
}
