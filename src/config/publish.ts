import { writeFileSync } from 'node:fs'
import { publishedSchema } from './published-schema.js'

// `npm run schema`: writes the file that is committed and published.
writeFileSync(new URL('../../../routes.schema.json', import.meta.url), publishedSchema())
