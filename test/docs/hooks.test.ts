import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { HOOK_NAMES } from '../../src/proxy/hooks.js'
import { call } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { NodeProcess } from './node-process.js'
import { README, ROOT } from './readme.js'

const HOOKS = readFileSync(new URL('docs/hooks.md', ROOT), 'utf8')

t.test('docs/hooks.md: the example runs, and does what it says', async t => {
  const [old, fresh] = await Promise.all(['old', 'new'].map(async name => await service(t, (request, response) => {
    response.setHeader('content-type', 'text/plain')
    response.setHeader('x-powered-by', name)
    response.end(`${name} ${request.url} ${request.headers['x-tenant']} ${request.headers.cookie}`)
  })))
  const file = join(t.testdir(), 'app.mjs')
  writeFileSync(file, String(/```js\n([^]*?)```/.exec(HOOKS)?.[1]))
  const app = new NodeProcess(t, file, { SHOP_URL: `http://127.0.0.1:${old?.port}`, NEW_SHOP_URL: `http://127.0.0.1:${fresh?.port}`, PORT: '0' })
  const port = Number((await app.until(/listening at http:\/\/\S+:(\d+)/))[1])

  const answer = await call(port, '/api/shop/cart?x=1', { headers: { host: 'ada.example', cookie: 'a=1' } })
  t.equal(answer.body.toString(), 'OLD /V2/CART?X=1 ADA UNDEFINED')
  t.equal(answer.headers['x-powered-by'], undefined)
  t.equal(answer.headers['x-served-by'], 'gateway')
  t.match((await call(port, '/api/shop', { headers: { 'x-shop': 'new' } })).body.toString(), /^NEW \/V2 /)
  await app.until(/the service responded/)
  await app.until(/the exchange has ended/)
})

t.test('docs/hooks.md tells of every hook, and the README of it', async t => {
  for (const name of HOOK_NAMES) t.match(HOOKS, new RegExp(`^\\| \`${name}\\(`, 'm'), name)
  t.match(README, '](docs/hooks.md)')
})
