import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { fixture, pem } from '../fixtures/tls.js'
import { mistakesIn, withRoute } from './mistakes.js'

const https = 'https://app.internal'

t.test('how a target is connected with, where nothing is said of it', async t => {
  t.strictSame(checkConfig(withRoute()).routes[0]?.target, { protocol: 'http', host: 'localhost', port: 3001, connectTimeout: 5000 })
})

t.test('connectTimeout', async t => {
  t.match(checkConfig(withRoute({ connectTimeout: '1.5s' })).routes[0]?.target, { connectTimeout: 1500 })
  t.match(mistakesIn(withRoute({ connectTimeout: 0 })), [/^routes\[0\]\.connectTimeout: found 0, must be a duration of 1 to /])
})

t.test('http2', async t => {
  t.match(checkConfig(withRoute({ http2: true })).routes[0]?.target, { http2: true })
  t.notOk('http2' in Object(checkConfig(withRoute({ http2: false })).routes[0]?.target))
})

t.test('tls: files are read, and the check is on', async t => {
  const target = normalizedTls({ ca: fixture('ca.pem'), cert: pem('client.pem'), key: fixture('client.key'), servername: 'a.example', minVersion: 'TLSv1.3' })
  t.strictSame(target, {
    ca: pem('ca.pem'),
    cert: pem('client.pem'),
    key: pem('client.key'),
    servername: 'a.example',
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true,
    files: { ca: fixture('ca.pem'), key: fixture('client.key') }
  })
  t.strictSame(normalizedTls({}), { rejectUnauthorized: true, files: {} })
  t.strictSame(normalizedTls({ rejectUnauthorized: false }), { rejectUnauthorized: false, files: {} })
})

function normalizedTls (tls: object): object | undefined {
  const target = checkConfig(withRoute({ target: { host: 'app.internal', port: 443, protocol: 'https' }, tls })).routes[0]?.target
  return target?.tls
}

t.test('tls that cannot be used', async t => {
  for (const [tls, line] of [
    [{ ca: '/none' }, 'tls.ca: found "/none", must be PEM with a certificate, or a file that has it (ENOENT: no such file or directory)'],
    [{ cert: pem('client.pem') }, 'tls.key: is missing, must be given together with cert'],
    [{ key: pem('client.key') }, 'tls.cert: is missing, must be given together with key'],
    [{ cert: pem('client.pem'), key: pem('other.key') }, 'tls.key: found PEM, must be the key of cert'],
    [{ servername: 'https://x' }, 'tls.servername: found "https://x", must be the host alone: for a URL, write it as the target itself'],
    [{ verify: false }, 'tls.verify: unknown key, must be one of ca, cert, key, servername, rejectUnauthorized, minVersion'],
    [1, 'tls: found 1, must be an object such as { "ca": "tls/ca.pem" }']
  ] as const) t.strictSame(mistakesIn(withRoute({ target: https, tls })), [`routes[0].${line}`])
})

t.test('tls is for https alone', async t => {
  const wrong = ['routes[0].tls: found an object, must be left out: the target is not https']
  for (const target of ['http://a.example', 'unix:/run/app.sock', { host: 'a.example', port: 80 }]) t.strictSame(mistakesIn(withRoute({ target, tls: {} })), wrong)
  for (const target of ['HTTPS://a.example', { host: 'a.example', port: 443, protocol: 'https' }]) t.strictSame(mistakesIn(withRoute({ target, tls: {} })), [])
})

t.test('a Unix socket', async t => {
  t.match(checkConfig(withRoute({ target: 'unix:/run/app.sock' })).routes[0]?.target, { protocol: 'http', socketPath: '/run/app.sock' })
  const wrong = 'must be "unix:" and an absolute path, such as "unix:/run/app.sock"'
  for (const target of ['unix:', 'unix:app.sock', 'unix://run/app.sock', 'unix:/', 'unix:/a\0b']) {
    t.strictSame(mistakesIn(withRoute({ target })), [`routes[0].target: found ${JSON.stringify(target)}, ${wrong}`])
  }
  t.match(mistakesIn(withRoute({ target: `unix:/${'é'.repeat(52)}` })), [/must have a path of at most 103 bytes$/])
  t.strictSame(mistakesIn(withRoute({ target: `unix:/${'x'.repeat(102)}` })), [])
})
