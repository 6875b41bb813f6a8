import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ADMIN, adminCall, adminPort } from '../fixtures/admin.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { NO_PROMETHEUS, PrometheusServer, promtool } from '../fixtures/prometheus.js'
import { Started } from '../fixtures/started.js'
import { until } from '../fixtures/until.js'

const FOLDER = new URL('../../docs/prometheus/', import.meta.url)
const RULES = fileURLToPath(new URL('alerts.yml', FOLDER))
const DASHBOARD = new URL('../../docs/grafana/gateway.json', import.meta.url)

t.setTimeout(120_000)

interface Dashboard {
  panels: { type: string, title: string, id: number, targets?: { expr: string }[], gridPos: { x: number, y: number, w: number, h: number } }[]
  templating: { list: { name: string, definition?: string }[] }
}

/** Of the dashboard, as Grafana would ask them for everything. */
function queries (): string[] {
  const { panels }: Dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8'))
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  return expressions.map(expression => expression.replaceAll('$__rate_interval', '5s').replaceAll(/\$(instance|route)/g, '.*'))
}

/** Names of metrics in a query. */
function names (query: string): string[] {
  return query.match(/\bgateway_\w+/g) ?? []
}

t.test('promtool finds nothing to complain about in the metrics', { skip: NO_PROMETHEUS }, async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('ok'))
  const { port, lines } = await gatewayTo(t, upstream, { rateLimit: { max: 1 } }, { admin: ADMIN })
  await call(port, '/api/x')
  await call(port, '/api/x')
  const input = String((await adminCall(adminPort(lines), '/metrics')).body)
  t.match(input, /gateway_rejected_total\{.*policy="rate-limit"\} 1/)
  t.strictSame(promtool(['check', 'metrics'], { input }), { status: 0, output: '' })
})

t.test('the alert rules fire when they should, and not when they should not', { skip: NO_PROMETHEUS }, async t => {
  t.match(promtool(['check', 'rules', RULES]), { status: 0 })
  t.match(promtool(['test', 'rules', 'alerts.test.yml'], { cwd: FOLDER }), { status: 0, output: /SUCCESS/ })
  const tested = readFileSync(new URL('alerts.test.yml', FOLDER), 'utf8')
  for (const [, alert = ''] of readFileSync(RULES, 'utf8').matchAll(/- alert: (\w+)/g)) {
    t.match(tested, new RegExp(`alertname: ${alert}, exp_alerts: \\[\\]`), `${alert} is silent when all is well`)
    t.match(tested, new RegExp(`alertname: ${alert}\\n +exp_alerts:\\n +- exp_labels`), `${alert} fires`)
  }
})

t.test('a real Prometheus reads it, and the dashboard\'s queries and the alerts\' have values', { skip: NO_PROMETHEUS }, async t => {
  const { port: upstream } = await service(t, (request, response) => {
    response.statusCode = request.url === '/broken' ? 500 : 200
    response.end('ok')
  })
  const gateway = new Started(t, {
    admin: ADMIN,
    upstreams: { app: { targets: [`http://127.0.0.1:${upstream}`] } },
    routes: [{ prefix: '/', upstream: 'app', rateLimit: { max: 10, timeWindow: '1h' } }]
  }, ['--workers', '2'])
  const port = await gateway.listening()
  await gateway.until(/"msg":"started"/)
  const prometheus = await PrometheusServer.start(t, adminPort(gateway.lines), [RULES])
  await until(async () => (await prometheus.targets()).some(({ health }) => health !== 'unknown'))
  t.match(await prometheus.targets(), [{ health: 'up', lastError: '' }])
  for (let nth = 0; nth < 30; nth++) await call(port, nth % 5 === 0 ? '/broken' : '/x')
  const count = async (query: string): Promise<number> => Number((await prometheus.query(query))[0]?.value[1])
  await until(async () => await count('sum(gateway_requests_total)') === 30)
  t.equal(await count('sum(gateway_request_duration_seconds_count)'), 30)
  // In memory each of the two workers has a count of its own.
  t.ok(await count('sum(gateway_requests_total{status="4xx",outcome="rejected"})') >= 10)
  t.equal(await count('sum(gateway_attempts_total)') + await count('sum(gateway_rejected_total{policy="rate-limit"})'), 30)
  t.equal(await count('gateway_workers'), 2)
  t.equal(await count('up{job="gateway"}'), 1)

  // The first time that garbage is collected.
  await until(async () => {
    await call(port, '/x')
    return (await prometheus.query('gateway_nodejs_gc_duration_seconds_sum')).length > 0
  })
  const known = new Set((await prometheus.query('{__name__=~"gateway_.*"}')).map(({ metric: { __name__ = '' } }) => __name__))
  for (const query of queries()) {
    for (const name of names(query)) t.ok(known.has(name), `${name} is exported`)
    t.ok((await prometheus.query(query)).length >= 0, query)
  }
  const rules = await prometheus.rules()
  t.equal(rules.length, 11)
  for (const { name, query } of rules) for (const metric of names(query)) t.ok(known.has(metric), `${metric} of ${name} is exported`)
  await until(async () => (await prometheus.rules()).every(({ health }) => health === 'ok'))
  t.equal(await gateway.stop(), 0)
})

t.test('the dashboard: its panels differ, none lies on another, its variables have values', async t => {
  const { panels, templating }: Dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8'))
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const one of panels) {
    const on = panels.filter(other => other !== one && overlap(one.gridPos, other.gridPos)).map(({ title }) => title)
    t.strictSame(on, [], one.title)
    t.ok(one.gridPos.x + one.gridPos.w <= 24)
  }
  t.strictSame(templating.list.map(({ name }) => name), ['datasource', 'instance', 'route'])
})

interface Place { x: number, y: number, w: number, h: number }

function overlap (one: Place, other: Place): boolean {
  return one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h
}
