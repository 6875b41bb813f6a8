import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { README, ROOT, table } from './readme.js'

const DOCS = readFileSync(new URL('docs/rate-limits.md', ROOT), 'utf8')

t.test('docs/rate-limits.md: the example passes the check, and every key is named', async t => {
  const [, example = ''] = /```json\n([^]*?)```/.exec(DOCS) ?? []
  t.match(checkConfig(JSON.parse(example), { env: {} }).routes, [{ concurrency: { max: 500, perClient: 20 } }, { rateLimit: { max: 5, methods: ['POST'] } }, {}])
  const keys = table('key').flatMap(([key = '']) => /^(?:rateLimit|routes\[\]\.concurrency)\.(\w+)/.exec(key)?.[1] ?? [])
  t.ok(keys.includes('onStoreError'))
  for (const key of keys) t.ok(DOCS.includes(key), key)
  t.match(README, '](docs/rate-limits.md)')
})
