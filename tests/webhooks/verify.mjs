// Verifies the request on standard input by the libraries of npm, and both sorts of signatures by Node's own crypto as
// `partnercast guide webhooks` writes it.
import assert from 'node:assert/strict';
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { headers, body, known, stranger } = JSON.parse(readFileSync(0, 'utf8'));
const changed = body.replace('{', '{ ');

for (const name of ['STANDARDWEBHOOKS', 'SVIX']) {
  const { Webhook } = require(process.env[name]);
  for (const [shared] of known) {
    new Webhook(shared).verify(body, headers);
    assert.throws(() => new Webhook(shared).verify(changed, headers), name);
    assert.throws(() => new Webhook(shared).verify(body, { ...headers, 'webhook-id': 'whm_other' }), name);
  }
  assert.throws(() => new Webhook(stranger).verify(body, headers), name);
}

const header = headers['webhook-signature'];
const signed = (text) => `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
const of = (version) => header.split(' ').filter((it) => it.startsWith(`${version},`)).map((it) => Buffer.from(it.slice(version.length + 1), 'base64'));

function v1(secret, text) {
  const expected = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(signed(text)).digest();
  return of('v1').some((it) => it.length === expected.length && timingSafeEqual(it, expected));
}

function v1a(publicKey, text) {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(publicKey.slice(5), 'base64')]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return of('v1a').some((it) => verify(null, Buffer.from(signed(text)), key, it));
}

for (const [shared, publicKey] of known) {
  assert(v1(shared, body) && !v1(shared, changed), 'v1');
  assert(v1a(publicKey, body) && !v1a(publicKey, changed), 'v1a');
}
assert(!v1(stranger, body));
assert.equal(header.split(' ').length, 2 * known.length);
