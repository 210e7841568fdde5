// What mail clients do not support of mails' HTML and CSS, by the tables of caniemail.com.
//
// Reads {name: html} from standard input and writes {name: {feature: [clients]}}. LIMITS is the folder of the package
// @jsx-email/doiuse-email.

import { readFileSync } from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { DoIUseEmail } = require(path.resolve(process.env.LIMITS));

const CLIENTS = ["gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "samsung-email.*", "thunderbird.*", "protonmail.*"];

/** The tables know nothing of some clients for some features; the package would end there. */
class Checker extends DoIUseEmail {
  unsupported = {};

  checkFeaturesSupport(features) {
    const clients = this.emailClients;
    for (const feature of [features].flat()) {
      for (const client of clients) {
        this.emailClients = [client];
        this.errors = [];
        try {
          super.checkFeaturesSupport(feature);
        } catch (error) {
          if (!error.message.includes(` not found on `)) throw error;
        }
        if (this.errors.length > 0) (this.unsupported[feature] ??= new Set()).add(client);
      }
    }
    this.emailClients = clients;
  }
}

const mails = JSON.parse(readFileSync(0, "utf8"));
const found = {};
for (const [name, html] of Object.entries(mails)) {
  const checker = new Checker({ emailClients: CLIENTS });
  checker.check(html);
  found[name] = Object.fromEntries(
    Object.entries(checker.unsupported).map(([feature, clients]) => [feature, [...clients].sort()]),
  );
}
console.log(JSON.stringify(found));
