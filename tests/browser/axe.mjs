// What axe-core finds on a page that keeps people from using it: WCAG 2.2 A and AA, and its best practices. AXE_CORE is
// the package's folder.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
const source = readFileSync(
  process.env.AXE_CORE ? path.join(process.env.AXE_CORE, "axe.min.js") : require.resolve("axe-core/axe.min.js"),
  "utf8",
);

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Looks at the page as it is, in this colour scheme (`light` or `dark`); mails in frames have checks of their own. */
export async function inaccessible(page, name, colorScheme) {
  await page.emulateMedia({ colorScheme });
  // Not as a <script>, which the page's policy would refuse.
  await page.evaluate(source);
  const violations = await page.evaluate(async (tags) => {
    // A fault is planted: where axe does not name it, it saw nothing.
    const planted = document.createElement("img");
    planted.id = "planted-fault";
    document.querySelector("main").append(planted);
    const options = { runOnly: tags, resultTypes: ["violations"], iframes: false };
    const { violations } = await globalThis.axe.run({ exclude: [["iframe"]] }, options);
    planted.remove();
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
  }, TAGS);
  const isPlanted = (fault) => fault.includes("#planted-fault");
  const found = violations.filter((fault) => !isPlanted(fault));
  if (found.length === violations.length) found.push("it does not see a planted fault");
  return found.map((fault) => `axe, ${name}, ${colorScheme}: ${fault}`);
}
