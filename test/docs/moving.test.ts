import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { README } from './readme.js'

for (const name of ['from-express-gateway.md', 'from-nginx.md', 'from-fastify-http-proxy.md', 'from-http-proxy-middleware.md']) {
  t.test(`docs/${name}: its configurations are right, and the README leads there`, async t => {
    const text = readFileSync(`docs/${name}`, 'utf8')
    for (const [, config = ''] of text.matchAll(/```json\n([^]*?)```/g)) t.doesNotThrow(() => checkConfig(JSON.parse(config)), config)
    t.match(README, `](docs/${name})`)
  })
}
