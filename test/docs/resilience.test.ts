import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { Ejection, Upstream } from '../../src/config/upstream-schema.js'
import { Health } from '../../src/config/health-schema.js'
import type { TargetChange, TargetView } from '../../src/index.js'
import { gatewayOver } from '../fixtures/gateway.js'
import { targets } from '../fixtures/targets.js'
import { README, ROOT } from './readme.js'

const PAGE = readFileSync(new URL('docs/resilience.md', ROOT), 'utf8')

function blocks (language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, text]) => String(text))
}

t.test('docs/resilience.md: its configurations are right', async t => {
  const configs = blocks('json').map(text => JSON.parse(text)).filter(config => 'routes' in config)
  t.ok(configs.length > 0)
  for (const config of configs) t.doesNotThrow(() => checkConfig(config))
  t.match(README, '](docs/resilience.md)')
})

t.test('docs/resilience.md: its tables have the defaults of the schema', async t => {
  const rows = new Map([...PAGE.matchAll(/^\| `(\w+)` \| (\S+) \|/gm)].map(([, key = '', byDefault = '']) => [key, byDefault.replaceAll('`', '')]))
  for (const { properties } of [Upstream, Ejection, Health]) {
    for (const [key, node] of Object.entries(properties)) {
      const { default: value }: { default?: unknown } = node
      if (rows.has(key) && value !== undefined) t.equal(rows.get(key), JSON.stringify(value), key)
    }
  }
  t.ok(rows.has('maxEjected') && rows.has('queueTimeout') && rows.has('interval'))
})

t.test('docs/resilience.md: what a program does with it', async t => {
  const [a, b] = await targets(t, 2)
  if (a === undefined || b === undefined) return
  const { app } = await gatewayOver(t, [a.url])
  const [code = ''] = blocks('js')
  const told: TargetChange[] = []
  app.gateway.events.on('target', change => told.push(change))
  const wanted = code.replaceAll("'payments'", "'app'").replaceAll(/http:\/\/10\.0\.0\.1:3002(?=',)/g, a.url).replace('http://10.0.0.3:3002', b.url)
  // The page's own code, with the targets of this test.
  const run: unknown = new Function('app', `${wanted}\nreturn payments.targets`)(app) // eslint-disable-line no-new-func
  const views = Array.isArray(run) ? run.map((view: TargetView) => view.target) : []
  t.ok(views.includes(b.url))
  app.gateway.upstream('app')?.setTargets([a.url])
  await new Promise(resolve => setImmediate(resolve))
  t.match(told.at(-1), { upstream: 'app', target: b.url, state: 'draining' })
})
