import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { METHODS, OUTCOMES, REJECTERS } from '../../src/observe/tally.js'
import { ADMIN, adminCall, adminPort } from '../fixtures/admin.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { README, ROOT, table } from './readme.js'

const DOCS = readFileSync(new URL('docs/operate.md', ROOT), 'utf8')
/** Exported by a supervisor alone. */
const SUPERVISORS = 'gateway_silent_workers'

/** The rows of the table whose head starts with that column; the codes in each cell. */
function codes (firstColumn: string): string[][][] {
  const [, rows = ''] = new RegExp(`^\\| ${firstColumn} \\|.*\\n\\|[ |-]+\\|\\n((?:\\|.*\\|\\n)+)`, 'm').exec(DOCS) ?? []
  return rows.trimEnd().split('\n').map(row => row.slice(1, -1).split('|').map(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)))
}

t.test('docs/operate.md: the example passes the check, and every key is named', async t => {
  const [, example = ''] = /```json\n([^]*?)```/.exec(DOCS) ?? []
  t.match(checkConfig(JSON.parse(example), { env: { ADMIN_TOKEN: 'x' } }).admin, { token: 'x' })
  for (const [key = ''] of table('key')) if (key.startsWith('admin.')) t.ok(DOCS.includes(key.slice('admin.'.length)), key)
  t.match(README, '](docs/operate.md)')
})

t.test('docs/operate.md: the table has every metric that is exported, with its type and labels', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('ok'))
  const { port, lines } = await gatewayTo(t, upstream, { rateLimit: { max: 1 } }, { admin: ADMIN })
  for (let nth = 0; nth < 2; nth++) await call(port, '/api/x')
  const text = String((await adminCall(adminPort(lines), '/metrics')).body)
  const types = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]))
  const own = [...types.keys()].filter(name => !/^gateway_(nodejs|process)_/.test(name))
  const rows = new Map(codes('metric').map(([[name = ''] = [], , labels = []]) => [name, labels]))
  t.strictSame([...rows.keys()].filter(name => name !== SUPERVISORS).toSorted(), own.toSorted())
  for (const name of own) {
    const [, found = ''] = new RegExp(`^${name}(?:_bucket)?(?:\\{(.*)\\})? `, 'm').exec(text) ?? []
    const labels = [...found.matchAll(/(\w+)="/g)].flatMap(([, label]) => label === 'le' ? [] : [label])
    t.strictSame(labels, rows.get(name), name)
    t.match(DOCS, new RegExp(`^\\| \`${name}\` \\| ${types.get(name)} \\|`, 'm'))
  }
  t.ok(types.size > own.length)
})

t.test('docs/operate.md: every value of the labels that are not from the configuration', async t => {
  const rows = new Map(codes('label').map(([[name = ''] = [], values = []]) => [name, values]))
  t.strictSame(rows.get('method'), METHODS)
  t.strictSame(rows.get('outcome')?.slice(0, OUTCOMES.length), OUTCOMES.map(outcome => outcome.replace(' ', '_')))
  t.strictSame(new Set(rows.get('policy')), new Set(REJECTERS))
})

t.test('docs/operate.md: every alert', async t => {
  const alerts = [...readFileSync(new URL('docs/prometheus/alerts.yml', ROOT), 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  t.strictSame(codes('alert').map(([cell = []]) => cell[0]), alerts)
})
