import { join } from 'node:path'
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { fixture, pem } from '../fixtures/tls.js'
import { mistakesIn, withRoute } from './mistakes.js'

const cert = fixture('localhost.pem')
const key = fixture('localhost.key')

function withServer (server: object): object {
  return withRoute({}, { server })
}

t.test('what the server section leaves out', async t => {
  const { server } = checkConfig(withRoute())
  t.match(server, {
    http2: false,
    maxConnections: 20_000,
    maxRequestsPerConnection: 0,
    maxHeaderSize: 16_384,
    headersTimeout: 15_000,
    keepAliveTimeout: 72_000
  })
  t.notOk('tls' in server)
})

t.test('what it says; certificates stay as they are written', async t => {
  const server = {
    tls: { cert, key, ca: pem('ca.pem'), minVersion: 'TLSv1.3' },
    http2: true,
    maxConnections: 1,
    maxRequestsPerConnection: 2,
    maxHeaderSize: 1024,
    headersTimeout: 3,
    keepAliveTimeout: 4
  }
  t.match(checkConfig(withServer(server)).server, server)
})

t.test('a head of 1 KiB to 1 MiB', async t => {
  for (const given of [1024, '1kb', '1mb', 1024 ** 2]) t.strictSame(mistakesIn(withServer({ maxHeaderSize: given })), [])
  for (const given of [0, 1023, '1023b', '1.1mb', 'much', '1']) {
    t.strictSame(mistakesIn(withServer({ maxHeaderSize: given })),
      [`server.maxHeaderSize: found ${JSON.stringify(given)}, must be a size from "1kb" to "1mb", or as many bytes`])
  }
})

t.test('counts', async t => {
  t.strictSame(mistakesIn(withServer({ maxConnections: 0, maxRequestsPerConnection: -1 })), [
    'server.maxConnections: found 0, must be a whole number, 1 or more',
    'server.maxRequestsPerConnection: found -1, must be a whole number, 0 or more'
  ])
})

t.test('http2 comes with tls', async t => {
  t.strictSame(mistakesIn(withServer({ http2: true })), ['server.http2: found true, must come with tls: clients ask for HTTP/2 in the TLS handshake'])
  t.strictSame(mistakesIn(withServer({ http2: true, tls: { cert, key } })), [])
  t.strictSame(mistakesIn(withServer({ http2: false })), [])
})

t.test('certificates and keys that cannot be used', async t => {
  const dir = t.testdir({ 'broken.pem': 'x', 'halved.pem': pem('localhost.pem').replace(/\n.{10}/, '\n') })
  const broken = join(dir, 'broken.pem')
  const halved = join(dir, 'halved.pem')
  for (const [tls, lines] of [
    [{}, ['cert: is missing, must be the path of a PEM file with a certificate, or PEM itself', 'key: is missing, must be the path of a PEM file with a private key, or PEM itself']],
    [{ cert: '/none', key }, ['cert: found "/none", must be PEM with a certificate, or a file that has it (ENOENT: no such file or directory)']],
    [{ cert: broken, key: broken }, [
      `cert: found ${shown(broken)}, must be PEM with a certificate: the file has none`,
      `key: found ${shown(broken)}, must be PEM with a private key that needs no passphrase: the file has none`
    ]],
    [{ cert: halved, key }, [`cert: found ${shown(halved)}, must be PEM with a certificate: the file has none`]],
    [{ cert: key, key: cert }, [
      `cert: found ${shown(key)}, must be PEM with a certificate: the file has none`,
      `key: found ${shown(cert)}, must be PEM with a private key that needs no passphrase: the file has none`
    ]],
    [{ cert: pem('localhost.key'), key: '-----BEGIN PRIVATE KEY-----\nsecret' }, [
      'cert: found PEM, must be PEM with a certificate',
      'key: found PEM, must be PEM with a private key that needs no passphrase'
    ]],
    [{ cert, key: fixture('other.key') }, [`key: found ${shown(fixture('other.key'))}, must be the key of cert`]],
    [{ cert, key, minVersion: 'TLSv1.1' }, ['minVersion: found "TLSv1.1", must be "TLSv1.2" or "TLSv1.3"']],
    [{ cert, key: 1 }, ['key: found 1, must be the path of a PEM file with a private key, or PEM itself']],
    [{ cert, key, ca: broken }, [`ca: found ${shown(broken)}, must be PEM with a certificate: the file has none`]]
  ] as const) t.strictSame(mistakesIn(withServer({ tls })), lines.map(line => `server.tls.${line}`))
  t.strictSame(mistakesIn(withServer({ tls: true })), ['server.tls: found true, must be an object such as { "cert": "tls/cert.pem", "key": "tls/key.pem" }'])
})

t.test('PEM from the environment', async t => {
  const env = { CERT: pem('localhost.pem'), KEY: pem('localhost.key') }
  // eslint-disable-next-line no-template-curly-in-string -- as in the file
  const config = withServer({ tls: { cert: '${CERT}', key: '${KEY}' } })
  t.match(checkConfig(config, { env }).server.tls, { cert: env.CERT, key: env.KEY })
  // eslint-disable-next-line no-template-curly-in-string -- as in the file
  t.strictSame(mistakesIn(config, { ...env, KEY: '-----BEGIN NOTHING' }), ['server.tls.key: found PEM (from "${KEY}"), must be PEM with a private key that needs no passphrase'])
})

function shown (path: string): string {
  return JSON.stringify(path.length > 60 ? `${path.slice(0, 60)}…` : path)
}

t.test('health: its paths are no prefix of a route, and differ', async t => {
  t.strictSame(mistakesIn(withRoute({ prefix: '/healthz' }, { server: { health: true } })), ['routes[0].prefix: found "/healthz", which server.health has: name another path for one of them'])
  t.strictSame(mistakesIn(withRoute({ prefix: '/up' }, { server: { health: { ready: '/up' } } })), ['routes[0].prefix: found "/up", which server.health has: name another path for one of them'])
  t.strictSame(mistakesIn(withRoute({}, { server: { health: { alive: '/up', ready: '/up' } } })), ['server.health: found "/up" twice: alive and ready must differ'])
  t.strictSame(mistakesIn(withRoute({ prefix: '/healthz' }, { server: { health: false } })), [])
  t.strictSame(mistakesIn(withRoute({}, { server: { health: { alive: 'up' } } })).length, 1)
})
