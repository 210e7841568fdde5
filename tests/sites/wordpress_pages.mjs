// Two pages of a real WordPress in a real browser, on a desk and on a phone: one with our loader, which a person pasted as HTML, and
// one that shows a page of ours by its address alone. Prints how much each moved and what it loaded from us.
//
//     node tests/sites/wordpress_pages.mjs OURS WITH-LOADER WITH-ADDRESS
//
// PLAYWRIGHT_CORE, CHROMIUM and SCREENSHOTS as for tests/browser. Exit code 0 means that all held.

import { createRequire } from "node:module";
import path from "node:path";
import assert from "node:assert/strict";

const require = createRequire(import.meta.url);
const { chromium } = require(process.env.PLAYWRIGHT_CORE ?? "playwright-core");
const [ours, withLoader, withAddress] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});

const opened = async (address, width) => {
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  let bytes = 0;
  page.on("requestfinished", async (request) => {
    if (!request.url().startsWith(ours)) return;
    const sizes = await request.sizes().catch(() => null);
    if (sizes) bytes += sizes.responseBodySize + sizes.responseHeadersSize;
  });
  await page.addInitScript(() => {
    window.moved = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => { if (!entry.hadRecentInput) window.moved += entry.value; })).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(address);
  return { page, context, faults, loaded: () => bytes };
};

const checked = async (name, address, width, frameOf) => {
  const { page, context, faults, loaded } = await opened(address, width);
  const handle = await frameOf(page);
  const frame = await handle.contentFrame();
  await frame.waitForSelector("h1, h2, p");
  const size = await handle.evaluate((el) => ({ width: el.getBoundingClientRect().width, height: el.getBoundingClientRect().height, seen: getComputedStyle(el).visibility === "visible" && getComputedStyle(el).clip === "auto" }));
  assert.ok(size.seen && size.height > 100 && size.width > 200 && size.width <= width, `${name} at ${width}: ${JSON.stringify(size)}`);
  assert.ok((await frame.evaluate(() => document.body.innerText)).includes("First of the test"), `${name}: our words`);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${name} at ${width} is too wide`);
  await page.waitForLoadState("networkidle");
  const moved = await page.evaluate(() => window.moved);
  assert.deepEqual(await context.cookies(), [], "nobody set a cookie");
  assert.deepEqual(faults, []);
  console.log(`WordPress with ${name}, ${width} px: layout shift ${moved.toFixed(4)}; loaded from us ${(loaded() / 1024).toFixed(1)} kB; frame ${Math.round(size.width)} x ${Math.round(size.height)}`);
  if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `wordpress-${name.replaceAll(" ", "-")}-${width}.png`), fullPage: true });
  await context.close();
  return moved;
};

try {
  for (const width of [1280, 360]) {
    const moved = await checked("the loader", withLoader, width, async (page) => {
      const place = page.locator("[data-partnercast]");
      await place.scrollIntoViewIfNeeded();
      await page.waitForFunction(() => document.querySelector("[data-partnercast] iframe")?.style.visibility === "visible");
      return place.locator("iframe").elementHandle();
    });
    assert.ok(moved < 0.1, `the loader moved the page by ${moved} at ${width} px`);
    // How much the page moves is for WordPress to say, which keeps no room for a frame before it is there.
    await checked("an address", withAddress, width, async (page) => {
      await page.waitForFunction(() => {
        const frame = document.querySelector("iframe.wp-embedded-content");
        return frame && getComputedStyle(frame).visibility === "visible" && getComputedStyle(frame).clip === "auto";
      });
      return page.locator("iframe.wp-embedded-content").elementHandle();
    });
  }
} finally {
  await browser.close();
}
