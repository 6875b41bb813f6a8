import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import t from 'tap'
import { withKeysTable } from '../../src/config/keys-table.js'
import { publishedSchema } from '../../src/config/published-schema.js'
import { withRoute } from './mistakes.js'

function read (name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
}

t.test('routes.schema.json is what the code checks', async t => {
  t.equal(read('routes.schema.json'), publishedSchema(), 'stale? run `npm run schema`')
})

t.test('the README has a row for every key', async t => {
  t.equal(read('README.md'), withKeysTable(read('README.md')), 'stale? run `npm run schema`')
  t.match(withKeysTable('a\n<!-- keys -->\n<!-- /keys -->\nz\n'), /^a\n<!-- keys -->\n\n\| key \|[^]+\| `routes\[\]\.rateLimit` \|.*\|\n\n<!-- \/keys -->\nz\n$/)
})

t.test('what the code alone needs is not published', async t => {
  t.notMatch(publishedSchema(), /"(format": "|(unit|isOverride|otherwise|typeName)":)/)
  const { rateLimit } = JSON.parse(publishedSchema()).properties.routes.items.properties
  t.notOk('default' in rateLimit.anyOf[0].properties.timeWindow, 'without the key of a route, the global one holds')
})

t.test('it is a JSON Schema that any tool can read', async t => {
  const ajv = new Ajv({ strictSchema: true, strictTypes: false, keywords: ['errorMessage'] })
  const validate = ajv.compile(JSON.parse(publishedSchema()))
  t.ok(validate(JSON.parse(read('routes.json'))), 'the shipped file')
  t.notOk(validate(withRoute({ prefx: '/x' })), 'an unknown key')
  t.notOk(validate(withRoute({ target: { host: 'localhost', port: 0 } })), 'a port out of range')
})
