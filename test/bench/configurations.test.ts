import t from 'tap'
import { caddyConfiguration, haproxyConfiguration, nginxConfiguration, ourRoutes } from '../../bench/contenders/configurations.js'
import type { Place } from '../../bench/contenders/duties.js'
import { readConfig } from '../../src/config/index.js'
import { checkedBy, VALID } from '../fixtures/checked-by.js'

const PLACE: Place = { directory: '/nowhere', port: 1, upstreamPort: 2, routePorts: [], targetPorts: [], accessLog: false, workers: undefined }

/** Of all contenders that can be asked for it. */
const SEVERAL = { ...PLACE, routePorts: [3], targetPorts: [4], accessLog: true }

t.test('ours', async t => {
  const [plain, several] = [PLACE, SEVERAL].map(place => readConfig('routes.json', ourRoutes(place), {}))
  t.match(plain, { server: { accessLog: false }, routes: [{ prefix: '/api', target: { port: 2 } }] })
  t.match(several, {
    server: { accessLog: true },
    upstreams: { several: { targets: [{ port: 2 }, { port: 4 }] } },
    routes: [{ prefix: '/api', upstream: 'several' }, { prefix: '/api/routes/0', upstream: 'several' }]
  })
})

t.test('nginx', async t => {
  const directory = t.testdir()
  const [plain, several] = [PLACE, SEVERAL].map(place => nginxConfiguration({ ...place, directory }))
  for (const text of [plain, several]) t.match(checkedBy('nginx', ['-t', '-p', directory, '-e', 'stderr', '-c'], String(text), directory), VALID)
  t.match(plain, /access_log off;[^]*upstream at2 \{\n +server 127\.0\.0\.1:2;\n +keepalive 4096;/)
  t.match(several, /access_log \/dev\/null [^]*upstream at3 \{\n +server 127\.0\.0\.1:3;\n +server 127\.0\.0\.1:4;\n +keepalive 64;[^]*location \/api\/routes\/0\/ \{ proxy_pass http:\/\/at3; \}/)
})

t.test('haproxy', async t => {
  const text = haproxyConfiguration(PLACE)
  t.match(checkedBy('haproxy', ['-c', '-f'], text, t.testdir()), VALID)
  t.match(text, /bind 127\.0\.0\.1:1 [^]*server target 127\.0\.0\.1:2\n/)
})

t.test('caddy', async t => {
  const directory = t.testdir()
  for (const place of [PLACE, SEVERAL]) {
    const text = caddyConfiguration(place)
    t.match(checkedBy('caddy', ['validate', '--adapter', 'caddyfile', '--config'], text, directory), VALID)
    t.match(text, /^http:\/\/:1 \{[^]*reverse_proxy 127\.0\.0\.1:2 /m)
    t.equal(text.includes('output file'), place.accessLog)
  }
})
