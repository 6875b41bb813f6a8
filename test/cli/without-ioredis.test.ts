import t from 'tap'
import { preloaded, Started } from '../fixtures/started.js'

const HOOKS = `export async function resolve (name, context, next) {
  if (name === 'ioredis') throw Object.assign(new Error('no ioredis'), { code: 'ERR_MODULE_NOT_FOUND' })
  return await next(name, context)
}`

t.test('start without ioredis says what to install, without a stack and with status 1', async t => {
  const env = preloaded(t, `import { register } from 'node:module'\nif (isWorker) register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(HOOKS)}`)})`)
  const gateway = new Started(t, { rateLimit: { max: 1, store: 'redis://:confidential@127.0.0.1:1' }, routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] }, [], env)
  t.equal(await gateway.exited, 1)
  t.match(gateway.output, /^the rate limits: 1 mistake\n {2}rateLimit\.store: found a Redis, which needs a package that is not installed: npm install ioredis$/m)
  t.notMatch(gateway.output, /confidential|\n {4}at /)
})
