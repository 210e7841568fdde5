// The author's preview in a real browser: a save shows by itself, in its place, with what is wrong beside it.
//
// PARTNERCAST, PLAYWRIGHT_CORE, AXE_CORE, CHROMIUM and SCREENSHOTS as for story.mjs. Exit code 0 means that all held.

import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { inaccessible } from "./axe.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const program = process.env.PARTNERCAST ?? path.join(root, "target/debug/partnercast");
const require = createRequire(import.meta.url);
const { chromium } = require(process.env.PLAYWRIGHT_CORE ?? "playwright-core");

const ARTICLE = "blog/restores-not-backups";
const ISSUE = "newsletters/fold-forward/2027-01-12";
const faults = [];
const seenLogos = new Map();

/** Starts the preview of `folder` on a free port and waits until it says where it is. */
async function startPreview(folder) {
  const child = spawn(program, ["preview", folder, "--port", "0", "--no-browser"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of child.stdout) {
    said += chunk;
    const found = said.match(/http:\/\/127\.0\.0\.1:\d+/);
    if (found) return { child, base: found[0] };
  }
  throw new Error(`it ended without saying where it is: ${said}`);
}

const folder = await mkdtemp(path.join(tmpdir(), "preview-"));
await cp(path.join(root, "content"), folder, { recursive: true });
const { child, base } = await startPreview(folder);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("console", (line) => line.type() === "error" && !line.text().includes("sandboxed") && faults.push(line.text()));
  const shot = async (name) => {
    if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `preview-${name}.png`) });
  };
  /** Waits until the text of every pane holds `words`. */
  const inPanes = (words) =>
    page.waitForFunction(
      (words) => {
        const panes = [...document.querySelectorAll(".stage iframe")];
        return panes.length > 0 && panes.every((one) => one.contentDocument?.body?.innerText.includes(words));
      },
      words,
      { polling: 50, timeout: 15_000 },
    );
  const pane = () => page.frames().find((frame) => frame.url().includes("/frames/"));

  await page.goto(`${base}/`);
  await page.getByRole("link", { name: "Restores, not backups", exact: true }).first().click();
  await page.waitForURL(`**/assets/${ARTICLE}`);
  await page.getByLabel("Partner").selectOption("rheinbogen");
  await page.waitForURL(/partner=rheinbogen/);
  await inPanes("Wiederherstellung");

  await pane().evaluate(() => scrollTo(0, 300));
  const file = path.join(folder, `${ARTICLE}.de.md`);
  const before = await readFile(file, "utf8");
  await writeFile(file, `${before}\n\nEin neuer Satz. {{ partner.nmae }}\n`);
  await inPanes("Ein neuer Satz");
  await page.getByText("error C401").waitFor();
  assert.equal(await pane().evaluate(() => scrollY), 300, "it stays where the author looked");
  assert.ok(page.url().includes("partner=rheinbogen"), "without loading the page anew");
  await shot("findings");
  await writeFile(file, before);
  await page.getByText("error C401").waitFor({ state: "detached" });

  for (const width of [1600, 360]) {
    await page.setViewportSize({ width, height: 1000 });
    await page.goto(`${base}/assets/${ISSUE}?partner=northlight&role=sales&beside=1&partner2=northlight&role2=executive&dark=1&width=360`);
    await inPanes("Hello Kim");
    const logos = await pane().evaluate(() =>
      ["on-light", "on-dark"].map((one) => [...document.querySelectorAll(`.${one}`)].map((logo) => logo.offsetWidth > 0)),
    );
    assert.deepEqual(logos, [[false, false], [true, true]], "logos for dark grounds stand in for the others");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} px too wide at ${width}`);
    await shot(`beside-${width}`);
    faults.push(...(await inaccessible(page, `an issue beside itself at ${width} px`, "light")));
  }
  for (const address of ["/", `/assets/${ARTICLE}?partner=dune-gate`, "/assets/social/restore-question"]) {
    await page.goto(`${base}${address}`);
    faults.push(...(await inaccessible(page, address, "dark")));
  }

  // A page, by day and by night, in the partner's typeface alone; the author's own screen is light.
  await page.emulateMedia({ colorScheme: "light" });
  for (const [query, ground, logo] of [["", "rgb(255, 255, 255)", "logo"], ["&dark=1", "rgb(20, 23, 26)", "logo-dark"]]) {
    await page.goto(`${base}/assets/${ARTICLE}?partner=thornbury&channel=page${query}`);
    await inPanes("Thornbury");
    const seen = await pane().evaluate(async () => {
      await document.fonts.ready;
      const [header] = document.querySelectorAll("header.top img");
      await header.decode();
      const fonts = [...document.fonts].filter((font) => font.status === "loaded").map((font) => font.family);
      return { fonts: [...new Set(fonts)].map((name) => name.replaceAll('"', "")), ground: getComputedStyle(document.body).backgroundColor, logo: header.currentSrc };
    });
    assert.deepEqual(seen.fonts, ["Literata"]);
    assert.equal(seen.ground, ground);
    const shown = Buffer.from(await (await page.request.get(seen.logo)).body());
    seenLogos.set(logo, shown.toString("base64"));
    await shot(`page${query ? "-dark" : ""}`);
  }
  assert.notEqual(seenLogos.get("logo"), seenLogos.get("logo-dark"), "each ground has its logo");
  assert.deepEqual(faults, []);
  console.log("the preview held");
} finally {
  await browser.close();
  child.kill("SIGTERM");
  await rm(folder, { recursive: true, force: true });
}
