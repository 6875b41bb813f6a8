import { readFileSync, writeFileSync } from 'node:fs'
import { withKeysTable } from './keys-table.js'
import { publishedSchema } from './published-schema.js'

// `npm run schema`: writes what is committed and follows from the schema.
const README = new URL('../../../README.md', import.meta.url)
writeFileSync(new URL('../../../routes.schema.json', import.meta.url), publishedSchema())
writeFileSync(README, withKeysTable(readFileSync(README, 'utf8')))
