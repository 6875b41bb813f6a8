import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { SECRET_KEYS } from '../../src/observe/redaction.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { README, ROOT, table } from './readme.js'

const DOCS = readFileSync(new URL('docs/access-log.md', ROOT), 'utf8')

t.test('docs/access-log.md: the example passes the check, and every key and secret is named', async t => {
  const [, example = ''] = /```json\n([^]*?)```/.exec(DOCS) ?? []
  t.match(checkConfig(JSON.parse(example), { env: {} }).server.accessLog, { file: '/var/log/gateway/access.log', sample: 0.1, slow: 1000, maxFiles: 10 })
  const keys = table('key').flatMap(([key = '']) => /^server\.accessLog\.(\w+)/.exec(key)?.[1] ?? [])
  t.ok(keys.includes('redact'))
  for (const key of [...keys, ...SECRET_KEYS]) t.ok(DOCS.includes(`\`${key}\``), key)
  t.match(README, '](docs/access-log.md)')
})

t.test('every field of a line is in the table, in its order, and may be asked for', async t => {
  const [, rows = ''] = /\| field \|.*\n\|[ |-]+\|\n((?:\|.*\|\n)+)/.exec(DOCS) ?? []
  const names = rows.trimEnd().split('\n').flatMap(row => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => name))
  checkConfig({ server: { accessLog: { format: names } }, routes: [{ prefix: '/', target: 'http://a' }] })
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  const { port, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  await call(port, '/api/x')
  const shown = Object.keys(await line).filter(name => !['level', 'pid', 'hostname', 'msg'].includes(name))
  t.strictSame(shown, names.filter(name => shown.includes(name)))
  t.equal(shown.length, 12)
})
