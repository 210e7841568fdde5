// The demo's whole story in a real browser: an issue arrives, two readers get what concerns them, one clicks, a form
// is filled wrongly and then rightly, a document opens, a hand is raised, a rep accepts and works the lead to its close.
//
// PARTNERCAST (the program), PLAYWRIGHT_CORE and AXE_CORE (the packages' folders), CHROMIUM (the browser) and, to keep
// pictures, SCREENSHOTS (a folder) come from the environment; tests/run sets them. Exit code 0 means that all held.

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
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

const WIDTHS = [390, 1440];
const READERS = 33;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Faults that belong to no single step: messages on the console, requests that failed. */
const faults = [];
/** Answers with these codes are what a step is about, and said by it beforehand. */
const expected = new Set();

/** Starts the demo on a free port and waits until it says where it listens. */
async function startDemo(folder) {
  const child = spawn(program, ["demo", "--port", "0", "--no-browser", "--fresh", "--dir", folder], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const tooLong = setTimeout(() => reject(new Error(`the demo did not start in 30 s:\n${said}`)), 30_000);
    const listen = (chunk) => {
      said += chunk;
      const found = said.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (found) {
        clearTimeout(tooLong);
        resolve(found[0]);
      }
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the demo ended with ${code}:\n${said}`)));
  });
  const stop = () =>
    new Promise((resolve) => {
      // Longer than the grace it gives open requests.
      const tooLong = setTimeout(() => child.kill("SIGKILL"), 40_000);
      child.once("exit", (code) => {
        clearTimeout(tooLong);
        resolve(code);
      });
      child.kill("SIGTERM");
    });
  return { url, stop, said: () => said };
}

/** Watches a page for everything that nobody expects. */
function watch(page) {
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const refused = message.text().match(/status of (\d+)/);
    if (refused && expected.has(Number(refused[1]))) return;
    faults.push(`console, ${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script, ${page.url()}: ${error.message}`));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // Leaving a page ends what it was still asking for.
    if (why !== "net::ERR_ABORTED") faults.push(`request ${request.url()}: ${why}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400 && !expected.has(response.status())) {
      faults.push(`${response.status()} ${response.request().method()} ${response.url()}`);
    }
  });
}

/** Keeps a picture of the page in each width and checks that it does not scroll sideways and is for everybody. */
async function picture(page, name) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 1) faults.push(`${name} at ${width} px: scrolls sideways by ${wide} px`);
    if (process.env.SCREENSHOTS) {
      await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}-${width}.png`), fullPage: true });
    }
    // Telephones at night, screens by day: each with half of all that could be wrong.
    faults.push(...(await inaccessible(page, `${name} at ${width} px`, width === WIDTHS[0] ? "dark" : "light")));
  }
}

/** Waits until `probe` gives something; says what it waited for when it does not. */
async function until(what, probe, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** The address of the channel manager of a partner, from the roster. */
async function managerOf(slug) {
  const [names, ...rows] = (await readFile(path.join(root, "content/roster/partners.csv"), "utf8")).split("\n");
  const row = rows.find((line) => line.startsWith(`${slug},`)).split(",");
  return row[names.split(",").indexOf("channel_manager_email")];
}

/** Goes to an element by the tab key alone, from where the page begins, and types there or presses Enter. */
async function press(page, selector, text) {
  await page.waitForSelector(selector);
  for (let tabs = 0; tabs < 120; tabs += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) {
      if (text === undefined) await page.keyboard.press("Enter");
      else await page.keyboard.type(text);
      return;
    }
  }
  throw new Error(`no key leads to ${selector}`);
}

/** The inbox's mails to one address, as [href, text]. */
async function mailsTo(page, url, address) {
  await page.goto(`${url}/inbox?to=${encodeURIComponent(address)}`);
  return page.$$eval("#mails a.mailrow", (rows) => rows.map((row) => [row.getAttribute("href"), row.textContent]));
}

/** Opens a mail of the inbox and gives the frame in which it is shown. */
async function openMail(page, url, href) {
  await page.goto(new URL(href, url).href);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await frame.waitForLoadState("load");
  return frame;
}

async function main() {
  const folder = path.join(await mkdtemp(path.join(tmpdir(), "partnercast-story-")), "demo");
  if (process.env.SCREENSHOTS) await mkdir(process.env.SCREENSHOTS, { recursive: true });
  const demo = await startDemo(folder);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
  // Without a window Chromium calls itself headless, and is rightly taken for a machine; here it plays a person.
  const version = browser.version().split(".")[0];
  const userAgent =
    `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
  const context = await browser.newContext({ acceptDownloads: true, userAgent });
  const page = await context.newPage();
  watch(page);
  const { url } = demo;
  try {
    await page.goto(url);
    await picture(page, "01-story");

    say("the issue arrives everywhere");
    await until(
      `${READERS} mails`,
      async () => {
        await page.goto(`${url}/inbox`);
        const all = await page.textContent("select#to option");
        return Number(all.match(/\((\d+)\)/)?.[1] ?? 0) >= READERS;
      },
      120,
    );
    await picture(page, "02-inbox");

    say("two readers, two partners, two roles");
    const people = await page.$$eval("select#to option[value]:not([value=''])", (options) => options.map((o) => o.value));
    const [sales, technical] = await twoReaders(page, url, people);
    assert.notEqual(sales.partner, technical.partner, "two partners");
    assert.notEqual(sales.text, technical.text, "two texts");
    assert.match(sales.text, /Three questions that open the conversation/);
    assert.doesNotMatch(technical.text, /Three questions that open the conversation/);
    assert.notEqual(sales.colours, technical.colours, "two brands");
    await openMail(page, url, technical.href);
    await picture(page, "03-mail-technical");
    const mail = await openMail(page, url, sales.href);
    await picture(page, "04-mail-sales");

    say("the whitepaper's link leads to the partner's page");
    await page.goto(await whitepaperLink(mail));
    assert.match(page.url(), /\/p\/[a-z-]+\/[a-z]+\/[a-z0-9-]+/, "a page of the partner");
    const manager = await managerOf(new URL(page.url()).pathname.split("/")[2]);
    await picture(page, "05-whitepaper");

    say("a form with faults names them all and keeps what was typed");
    await page.fill("#form input[name=name]", "Nora Quist");
    await page.fill("#form input[name=email]", "nora.quist at clinic");
    expected.add(400).add(422);
    await page.click("#form button.btn");
    await page.waitForSelector("#form .faults");
    assert.ok((await page.$$("#form .faults li")).length >= 2, "all faults at once");
    assert.equal(await page.inputValue("#form input[name=name]"), "Nora Quist");
    await picture(page, "06-form-faults");

    say("filled rightly it opens the document");
    await fillRightly(page, "#form");
    await haveRead(page);
    await page.click("#form button.btn");
    await page.waitForURL(/\/r\//);
    expected.clear();
    await picture(page, "07-thanks");
    const pdf = await page.getAttribute("a[href$='document.pdf']", "href");
    const document = await context.request.get(new URL(pdf, url).href);
    assert.equal(document.status(), 200);
    const bytes = await document.body();
    assert.equal(bytes.subarray(0, 4).toString("latin1"), "%PDF");
    assert.ok(bytes.length < 300_000, `the document has ${bytes.length} bytes`);

    say("a raised hand becomes an offer to a sales rep");
    await page.waitForSelector("#form");
    await fillRightly(page, "#form");
    await haveRead(page);
    await page.click("#form button.btn");
    await page.waitForLoadState("load");
    assert.equal(await page.$("#form .faults"), null, "the raised hand was taken");
    await picture(page, "08-hand-raised");
    const card = await until("the offer's mail", async () => {
      await page.goto(`${url}/inbox`);
      const rows = await page.$$eval("#mails a.mailrow", (all) => all.map((row) => row.getAttribute("href")));
      // Everything that came after the issue; the offer is the mail that leads to a card.
      for (const href of rows.slice(0, rows.length - READERS)) {
        const frame = await openMail(page, url, href);
        const links = await frame.$$eval("a[href*='/o/']", (all) => all.map((a) => a.href));
        if (links.length > 0) return links[0];
      }
      return undefined;
    });
    await picture(page, "09-offer-mail");

    say("the rep opens the card and accepts");
    await page.goto(card);
    await picture(page, "10-teaser");
    await page.click("form button.btn");
    await page.waitForSelector("form[action*='/accept']");
    await picture(page, "11-card");
    const before = await page.$$eval("[data-clock], .clock", (clocks) => clocks.map((clock) => clock.textContent.trim()));
    assert.ok(before.length >= 1, "a clock runs");
    await page.click("form[action*='/accept'] button");
    await page.waitForSelector("form[action*='/contacted']");
    assert.equal(await page.$("form[action*='/accept']"), null, "accepted once");
    const after = await page.$$eval("[data-clock], .clock", (clocks) => clocks.map((clock) => clock.textContent.trim()));
    assert.notDeepEqual(after, before, "the first clock has stopped and the next runs");
    assert.equal(await consents(page), 2, "each consent by itself, with its words and its time");
    await picture(page, "12-accepted");

    say("the rep works the lead to its close by the keyboard alone");
    await press(page, "#contacted-note", "wants a test restore");
    await press(page, "form[action*='/contacted'] button");
    await page.waitForSelector("form[action*='/sql']");
    await picture(page, "12-contacted");
    await press(page, "#sql-value", "12500.50");
    await press(page, "#sql-currency", "usd");
    await press(page, "#sql-day", "03312027");
    await press(page, "form[action*='/sql'] button");
    await page.waitForSelector("form[action*='/won']");
    await picture(page, "12-sales-qualified");
    await press(page, "form[action*='/won'] button");
    await page.waitForSelector("form[action*='/won']", { state: "detached" });
    assert.match(await page.textContent("main"), /USD 12,500\.50/);
    await picture(page, "12-won");

    say("a channel manager sees how their partners work their leads");
    const other = await browser.newContext();
    const team = await other.newPage();
    await team.goto(`${url}/desk`);
    await picture(team, "12-desk-closed");
    await press(team, "#email", manager);
    await press(team, "form[action*='/sign-in'] button");
    const entry = await until("the manager's link", async () => {
      for (const [href] of await mailsTo(page, url, manager)) {
        const frame = await openMail(page, url, href);
        const [link] = await frame.$$eval("a[href*='/desk/enter/']", (all) => all.map((a) => a.href));
        if (link) return link;
      }
      return undefined;
    });
    await team.goto(entry);
    await picture(team, "12-desk-enter");
    await press(team, "form[action*='/desk/enter/'] button");
    await team.waitForURL("**/desk");
    await team.goto(`${url}/desk/team`);
    assert.match(await team.textContent("main"), /100 % accepted/);
    await picture(team, "12-team");
    await other.close();

    say("the story and the console tell the same");
    await page.goto(url);
    await picture(page, "13-story-done");
    await page.goto(`${url}/console`);
    await picture(page, "14-console");

    say("the console keeps each consent by itself");
    await page.goto(`${url}/console/leads`);
    await page.click("a[href*='/console/leads/']");
    assert.equal(await consents(page), 2);
    await picture(page, "15-lead");

    say("the other pages are for everybody too, also from right to left");
    expected.add(404);
    for (const [name, address] of Object.entries(await otherPages(page, url))) {
      await page.goto(`${url}${address}`);
      await picture(page, `16-${name}`);
    }
    expected.clear();
    assert.deepEqual(faults, [], "nothing unexpected on any page");
  } catch (error) {
    if (process.env.SCREENSHOTS) {
      await page.screenshot({ path: path.join(process.env.SCREENSHOTS, "failed.png"), fullPage: true }).catch(() => {});
    }
    console.error(`${error.stack}\nat ${page.url()}\n${faults.join("\n")}\n-- the demo said\n${demo.said()}`);
    throw error;
  } finally {
    await browser.close();
    const code = await demo.stop();
    await rm(path.dirname(folder), { recursive: true, force: true });
    assert.equal(code, 0, "the demo stops cleanly when asked");
  }
}

/** Pages by which the story does not come. */
async function otherPages(page, url) {
  const first = async (address, prefix) => {
    await page.goto(`${url}${address}`);
    return page.getAttribute(`main a[href^='${prefix}']`, "href");
  };
  const issue = await first("/console", "/console/issues/");
  return {
    "ar-home": "/p/dune-gate",
    "ar-article": "/p/dune-gate/blog/restores-not-backups",
    "ar-whitepaper": "/p/dune-gate/whitepapers/proof-of-recovery",
    "ja-talk": "/p/hoshikawa/talk-to-us",
    "ja-datasheet": "/p/hoshikawa/datasheets/fold-proof",
    webinar: "/p/northlight/webinars/live-restore-in-20-minutes",
    video: "/p/northlight/videos/restore-in-eleven-minutes",
    "not-there": "/p/dune-gate/blog/not-there",
    desk: "/desk",
    issue,
    person: await first(issue, `${issue}/people/`),
    content: "/console/content",
    asset: "/console/content/kits/proof-of-recovery",
    revisions: "/console/revisions/blog/restores-not-backups.md",
    calendar: "/console/calendar",
    "ar-calendar": await first("/console/partners/dune-gate", "/calendars/"),
    "vendor-calendar": await first("/console/promises", "/calendars/"),
    partners: "/console/partners",
    partner: "/console/partners/northlight",
    suppressions: "/console/suppressions",
    "dead-letters": "/console/dead-letters",
    ladder: "/console/ladder",
    credit: "/console/attribution",
    deals: "/console/attribution/deals?of=thornbury",
  };
}

/** A sales reader of one partner and a technical reader of another, with what they got. */
async function twoReaders(page, url, people) {
  let sales;
  let technical;
  for (const address of people) {
    const [newest] = await mailsTo(page, url, address);
    if (!newest) continue;
    const frame = await openMail(page, url, newest[0]);
    const text = await frame.evaluate(() => document.body.innerText);
    const colours = await frame.evaluate(() =>
      [...new Set([...document.querySelectorAll("[style*=background], [bgcolor]")]
        .map((element) => getComputedStyle(element).backgroundColor))].sort().join(" "),
    );
    const reader = { address, href: newest[0], text, colours, partner: address.split("@")[1] };
    const forSales = text.includes("Three questions that open the conversation");
    if (forSales && !sales && text.includes("Read the whitepaper")) sales = reader;
    else if (!forSales && !technical && reader.partner !== sales?.partner) technical = reader;
    if (sales && technical && sales.partner !== technical.partner) return [sales, technical];
  }
  throw new Error("the issue has no sales reader and technical reader at two partners");
}

/** How many consents the page shows, each on a line of its own with words, a time and what was said. */
async function consents(page) {
  const lines = page.locator("li", { hasText: /may contact me|to contact me/ });
  const count = await lines.count();
  for (let at = 0; at < count; at += 1) {
    const line = lines.nth(at);
    assert.equal(await line.locator("time").count(), 1);
    assert.match(await line.innerText(), /^agreed\n[^]*“[^“]+”/);
  }
  return count;
}

/** The tracked address behind the whitepaper's button in a mail. */
async function whitepaperLink(frame) {
  return frame.$eval("a[href*='/c/']:text-is('Read the whitepaper')", (a) => a.href);
}

/** Fills every field that is there with something that fits, and agrees. */
async function fillRightly(page, form) {
  const values = {
    name: "Nora Quist",
    email: "nora.quist@clinic.example",
    company: "Lakeside Clinic",
    phone: "+1 555 0134",
    message: "We had a failed restore last week.",
  };
  for (const field of await page.$$(`${form} input, ${form} textarea, ${form} select`)) {
    const [name, kind, tag] = await field.evaluate((e) => [e.name, e.type, e.tagName]);
    if (!(await field.isVisible()) || name === "website") continue;
    if (kind === "checkbox") await field.check();
    else if (tag === "SELECT") await field.evaluate((e) => { e.selectedIndex = e.options.length - 1; });
    else if (kind !== "radio" && kind !== "hidden") await field.fill(values[name] ?? "Lakeside");
  }
}

/** Until the page has been there as long as a person needs at least; sooner only scanners send its form. */
async function haveRead(page) {
  await page.waitForFunction(() => performance.now() > 1_500);
}

function say(text) {
  console.log(`-- ${text}`);
}

await main();
console.log("the story holds");
