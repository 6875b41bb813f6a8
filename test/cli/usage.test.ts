import { existsSync } from 'node:fs'
import t from 'tap'
import { addressOf, readArgs } from '../../src/cli/usage.js'

t.test('a mistake of whoever types is told, one of ours is thrown as it is', async t => {
  t.throws(() => readArgs({ args: ['--x'], options: {} }), { message: 'unknown option \'--x\'' })
  t.throws(() => readArgs({ get args (): string[] { throw new RangeError('ours') } }), { message: 'ours' })
})

t.test('the address: a flag, a variable, the file; in a container all, where nobody says otherwise', async t => {
  t.equal(addressOf('a', { FASTIFY_ADDRESS: 'b' }, 'c'), 'a')
  t.equal(addressOf(undefined, { FASTIFY_ADDRESS: 'b' }, 'c'), 'b')
  t.equal(addressOf(undefined, { FASTIFY_ADDRESS: '' }, 'c'), 'c')
  t.equal(addressOf(undefined, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, undefined), '0.0.0.0')
  t.equal(addressOf(undefined, {}, undefined), existsSync('/.dockerenv') ? '0.0.0.0' : undefined)
})
