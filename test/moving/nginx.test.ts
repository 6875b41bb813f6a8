import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bcrypt from 'bcrypt'
import t from 'tap'
import type { Test } from 'tap'
import { checkConfig } from '../../src/config/index.js'
import streamGateway from '../../src/index.js'
import type { RouteOptions } from '../../src/index.js'
import { call } from '../fixtures/gateway.js'
import { echo, fastifySide, ours, Page, sameUrl, seen, sides, sidesOf } from '../fixtures/moving.js'
import type { Both, Side, Sides } from '../fixtures/moving.js'
import { NO_NGINX, nginxTo } from '../fixtures/nginx.js'
import type { Directives } from '../fixtures/nginx.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'
import { pair, secureService } from '../fixtures/tls.js'

// docs/from-nginx.md: what stands there of a directive is tried with both.

const page = new Page('from-nginx.md')

/** Of the whole server or the process, with tests of their own elsewhere, or in no nginx that Debian has. */
const TRIED_ELSEWHERE = [
  'auth_jwt', 'listen', 'ssl_certificate', 'http2', 'proxy_connect_timeout', 'proxy_send_timeout', 'client_header_timeout', 'keepalive_timeout', 'hash', 'ip_hash', 'keepalive', 'access_log'
]

/** `TARGET` stands for the service's URL. */
function theirs (directives: Directives = {}): Side {
  return async (t, target) => {
    const filled = Object.fromEntries(Object.entries({ location: 'proxy_pass TARGET/;', ...directives }).map(([key, text]) => [key, text.replaceAll('TARGET', target).replaceAll('AUTHORITY', target.replace(/^https?:\/\//, ''))]))
    return await nginxTo(t, filled)
  }
}

async function both (t: Test, directives: Directives, route: Partial<RouteOptions> = {}, handler = echo): Promise<Sides> {
  return await sides(t, { theirs: theirs(directives), ours: ours(route) }, handler)
}

const tried: string[] = []

function directive (names: string, run: (t: Test) => Promise<void>): void {
  tried.push(...names.split(', '))
  t.test(names, { skip: NO_NGINX }, run)
}

function statuses ({ theirs, ours }: Both): [number, number] {
  return [theirs.status, ours.status]
}

directive('location, proxy_pass', async t => {
  const { ask } = await both(t, {})
  sameUrl(t, await ask('/api/x?y=1'), '/x?y=1')
  t.strictSame(statuses(await ask('/other')), [404, 404])
  const whole = await both(t, { location: 'proxy_pass TARGET;' }, { stripPrefix: false })
  sameUrl(t, await whole.ask('/api/x?y=1'), '/api/x?y=1')
})

directive('rewrite', async t => {
  const { ask } = await both(t, { location: 'rewrite ^/api(.*)$ /v2$1 break; proxy_pass TARGET;' }, { stripPrefix: false, pathRewrite: { pattern: '^/api', replacement: '/v2' } })
  sameUrl(t, await ask('/api/x?y=1'), '/v2/x?y=1')
})

directive('server_name', async t => {
  const { ask } = await both(t, { server: 'server_name example.com;', http: 'server { listen 127.0.0.1:PORT default_server; return 404; }' }, { hosts: ['example.com'] })
  t.strictSame(statuses(await ask('/api/x', { headers: { host: 'example.com' } })), [200, 200])
  t.strictSame(statuses(await ask('/api/x', { headers: { host: 'other.example' } })), [404, 404])
})

directive('return', async t => {
  const { ask } = await sides(t, { theirs: theirs({ location: 'return 301 https://example.com$request_uri;' }), ours: fastifySide(async app => await app.register(streamGateway, { routes: [{ prefix: '/api', redirect: { to: 'https://example.com', status: 301 } }] })) })
  t.strictSame(statuses(await ask('/api/x')), [301, 301])
})

directive('proxy_set_header', async t => {
  const { ask } = await both(t, { location: 'proxy_pass TARGET/; proxy_set_header X-By $remote_addr;' }, { headers: { request: { set: { 'x-by': '${client.ip}' } } } }) // eslint-disable-line no-template-curly-in-string
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(seen(old).headers['x-by'], '127.0.0.1')
  t.equal(seen(now).headers['x-by'], '127.0.0.1')
})

directive('proxy_hide_header, add_header', async t => {
  const { ask } = await both(t, { location: 'proxy_pass TARGET/; proxy_hide_header X-Powered-By; add_header X-By gateway always;' },
    { headers: { response: { remove: ['x-powered-by'], set: { 'x-by': 'gateway' } } } },
    (_request, response) => response.writeHead(500, { 'x-powered-by': 'Express' }).end())
  for (const { status, headers } of Object.values(await ask('/api/x'))) {
    t.equal(status, 500)
    t.equal(headers['x-powered-by'], undefined)
    t.equal(headers['x-by'], 'gateway')
  }
})

directive('proxy_read_timeout', async t => {
  const { ask } = await both(t, { location: 'proxy_pass TARGET/; proxy_read_timeout 100ms;' }, { timeout: 100 }, () => {})
  t.strictSame(statuses(await ask('/api/x')), [504, 504])
})

directive('proxy_request_buffering', async t => {
  const { ask } = await both(t, {}, { bodyBuffer: '16kb' })
  const { theirs: old, ours: now } = await ask('/api/x', { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: 'hello' })
  for (const response of [old, now]) {
    t.equal(seen(response).headers['content-length'], '5', 'of a body that was collected')
    t.equal(seen(response).body, 'hello')
  }
})

directive('proxy_next_upstream, server, least_conn, targets', async t => {
  const nobody = await closedPort()
  const { port } = await service(t, echo)
  const alive = `127.0.0.1:${port}`
  const { ask } = await sidesOf(t, {
    theirs: theirs({ http: `upstream app { least_conn; server 127.0.0.1:${nobody}; server ${alive} weight=3; }`, location: 'proxy_pass http://app/; proxy_next_upstream error timeout;' }),
    ours: fastifySide(async app => await app.register(streamGateway, {
      upstreams: { app: { targets: [`http://127.0.0.1:${nobody}`, { url: `http://${alive}`, weight: 3 }] } },
      routes: [{ prefix: '/api', upstream: 'app', stripPrefix: true, retry: { on: ['connect', 'reset', 'timeout'] } }]
    }))
  }, '')
  for (let nth = 0; nth < 4; nth++) sameUrl(t, await ask(`/api/${nth}`), `/${nth}`)
})

directive('proxy_redirect', async t => {
  const { port } = await service(t, ({ headers: { host = '' } }, response) => response.writeHead(302, { location: `http://${host}/elsewhere` }).end())
  const { ask } = await sidesOf(t, { theirs: theirs(), ours: ours() }, `http://127.0.0.1:${port}`)
  const { theirs: old, ours: now } = await ask('/api/x')
  t.match(old.headers.location, /^http:\/\/127\.0\.0\.1(:\d+)?\/api\/elsewhere$/)
  t.equal(now.headers.location, '/api/elsewhere')
})

directive('proxy_cookie_path, proxy_cookie_domain', async t => {
  const { ask } = await both(t, { location: 'proxy_pass TARGET/; proxy_cookie_path /payments /api/payments; proxy_cookie_domain service.internal example.com;' },
    { cookies: { path: { '/payments': '/api/payments' }, domain: { 'service.internal': 'example.com' } } },
    (_request, response) => response.writeHead(200, { 'set-cookie': 'a=b; Domain=service.internal; Path=/payments' }).end())
  for (const { headers } of Object.values(await ask('/api/x'))) t.strictSame([headers['set-cookie'] ?? []].flat().map(cookie => cookie.toLowerCase()), ['a=b; domain=example.com; path=/api/payments'])
})

directive('proxy_ssl_verify', async t => {
  const { port } = await secureService(t, pair('localhost'), echo)
  const { ask } = await sidesOf(t, { theirs: theirs(), ours: ours() }, `https://127.0.0.1:${port}`)
  t.strictSame(statuses(await ask('/api/x')), [200, 502], 'only one of them looks by itself')
})

directive('client_max_body_size', async t => {
  const { ask } = await both(t, { server: 'client_max_body_size 4;' }, { maxBodySize: 4 })
  t.strictSame(statuses(await ask('/api/x', { method: 'POST', body: 'four' })), [200, 200])
  t.strictSame(statuses(await ask('/api/x', { method: 'POST', body: 'fives' })), [413, 413])
})

directive('client_body_timeout', async t => {
  const { ports } = await both(t, { server: 'client_body_timeout 200ms;' }, { requestTimeout: 200 })
  for (const [who, port] of Object.entries(ports)) {
    const client = new RawClient(t, port).send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1')
    await client.closed
    t.match(client.received, who === 'ours' ? 'HTTP/1.1 408' : '', who)
  }
})

directive('large_client_header_buffers', async t => {
  const { ports } = await both(t, { server: 'large_client_header_buffers 2 1k;' })
  const long = { headers: { 'x-long': 'x'.repeat(20_000) } }
  t.strictSame([(await call(ports.theirs, '/api/x', long)).status, (await call(ports.ours, '/api/x', long)).status], [400, 431])
})

directive('limit_req', async t => {
  const { ask } = await sides(t, {
    theirs: theirs({ http: 'limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;', location: 'limit_req zone=one; proxy_pass TARGET/;' }),
    ours: ours({ rateLimit: { max: 1, timeWindow: '1m' } })
  })
  t.strictSame(statuses(await ask('/api/x')), [200, 200])
  t.strictSame(statuses(await ask('/api/x')), [503, 429])
})

directive('limit_conn', async t => {
  const held: Array<() => void> = []
  const { ports } = await both(t, {
    http: 'limit_conn_zone $binary_remote_addr zone=one:1m;', location: 'limit_conn one 1; proxy_pass TARGET/;'
  }, { concurrency: { perClient: 1 } }, (_request, response) => held.push(() => response.end('one')))
  for (const [who, port] of Object.entries(ports)) {
    const before = held.length
    const first = call(port, '/api/x')
    while (held.length === before) await new Promise(resolve => setImmediate(resolve))
    t.equal((await call(port, '/api/x')).status, who === 'ours' ? 429 : 503, who)
    held.at(-1)?.()
    t.equal((await first).status, 200, who)
  }
})

directive('real_ip_header', async t => {
  const { ask } = await sides(t, {
    theirs: theirs({ server: 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;', location: 'proxy_pass TARGET/; proxy_set_header X-Real-IP $remote_addr;' }),
    ours: ours({}, {}, true)
  })
  const { theirs: old, ours: now } = await ask('/api/x', { headers: { 'x-forwarded-for': '203.0.113.7' } })
  t.equal(seen(old).headers['x-real-ip'], '203.0.113.7')
  t.equal(seen(now).headers['x-real-ip'], '203.0.113.7')
})

directive('allow, deny', async t => {
  const { ask } = await both(t, { location: 'deny 127.0.0.1; proxy_pass TARGET/;' }, { access: { deny: ['127.0.0.1'] } })
  t.strictSame(statuses(await ask('/api/x')), [403, 403])
  const others = await both(t, { location: 'allow 127.0.0.0/8; deny all; proxy_pass TARGET/;' }, { access: { allow: ['127.0.0.0/8'] } })
  t.strictSame(statuses(await others.ask('/api/x')), [200, 200])
})

directive('auth_basic', async t => {
  // Where the process that reads it, which is nobody's, may.
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
  chmodSync(folder, 0o755)
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'htpasswd')
  writeFileSync(file, `ann:${bcrypt.hashSync('secret', 4).replace('$2b', '$2y')}\n`)
  const { ask } = await both(t, { location: `auth_basic gateway; auth_basic_user_file ${file}; proxy_pass TARGET/;` }, { auth: { basic: { file } } })
  const credentials = (text: string): { headers: Record<string, string> } => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } })
  t.strictSame(statuses(await ask('/api/x')), [401, 401])
  t.strictSame(statuses(await ask('/api/x', credentials('ann:wrong'))), [401, 401])
  t.strictSame(statuses(await ask('/api/x', credentials('ann:secret'))), [200, 200])
})

directive('auth_request', async t => {
  const { port } = await service(t, ({ headers }, response) => response.writeHead(headers.cookie === 'session=1' ? 204 : 401).end())
  const { ask } = await both(t, {
    server: `location = /who { internal; proxy_pass http://127.0.0.1:${port}; proxy_pass_request_body off; proxy_set_header Content-Length ""; }`, location: 'auth_request /who; proxy_pass TARGET/;'
  }, { auth: { forward: { url: `http://127.0.0.1:${port}/who`, copyRequestHeaders: ['cookie'] } } })
  t.strictSame(statuses(await ask('/api/x')), [401, 401])
  t.strictSame(statuses(await ask('/api/x', { headers: { cookie: 'session=1' } })), [200, 200])
})

directive('mirror', async t => {
  const copies: string[] = []
  const { port } = await service(t, (request, response) => {
    copies.push(String(request.url))
    response.end()
  })
  const copy = `http://127.0.0.1:${port}`
  const { ask } = await sides(t, {
    theirs: theirs({ server: `location /copy { internal; proxy_pass ${copy}/x; }`, location: 'mirror /copy; proxy_pass TARGET/;' }),
    ours: ours({ mirror: { upstream: 'copies' } }, { upstreams: { copies: { targets: [copy] } } })
  })
  sameUrl(t, await ask('/api/x'), '/x')
  while (copies.length < 2) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(copies, ['/x', '/x'])
})

t.test('what changes without a word', { skip: NO_NGINX }, async t => {
  const { ask } = await both(t, { path: '/api', location: 'proxy_pass TARGET;' }, { stripPrefix: false })
  t.strictSame(statuses(await ask('/apix')), [200, 404], 'a prefix ends at a slash')
  const spelled = await both(t, {})
  const strange = await spelled.ask('/api/a//b/%41')
  t.equal(seen(strange.theirs).url, '/a/b/A', 'merged and decoded')
  t.equal(seen(strange.ours).url, '/a//b/%41')
  const claimed = await spelled.ask('/api/x', { headers: { 'x-forwarded-for': '203.0.113.7' } })
  t.equal(seen(claimed.theirs).headers['x-forwarded-for'], '203.0.113.7')
  t.equal(seen(claimed.ours).headers['x-forwarded-for'], '127.0.0.1')
  t.equal(seen(claimed.theirs).headers.connection, 'close')
  t.equal(seen(claimed.ours).headers.connection, 'keep-alive')
})

t.test('the page: its configuration is right, and what it says of ours is tried', async t => {
  const [config = ''] = /(?<=```json\n)[^]*?(?=```)/.exec(page.text) ?? []
  t.doesNotThrow(() => checkConfig(JSON.parse(config)))
  t.ok(page.rows.length >= 25)
  t.strictSame(page.answered.filter(name => !tried.includes(name) && !TRIED_ELSEWHERE.includes(name)), [])
})
