import { existsSync } from 'node:fs'
import t from 'tap'
import { addressOf, asUsage, portOf, readArgs, UsageError } from '../../src/cli/usage.js'

t.test('a mistake of whoever types is told, one of ours is thrown as it is', async t => {
  t.throws(() => readArgs({ args: ['--x'], options: {} }), { message: 'unknown option \'--x\'' })
  t.throws(() => readArgs({ get args (): string[] { throw new RangeError('ours') } }), { message: 'ours' })
})

t.test('what throws because of the command line is told like that, and nothing else', async t => {
  t.throws(() => asUsage(RangeError, () => { throw new RangeError('far') }), new UsageError('far'))
  t.throws(() => asUsage(RangeError, () => { throw new TypeError('ours') }), new TypeError('ours'))
  t.equal(asUsage(RangeError, () => 1), 1)
})

t.test('the port: a flag, one variable, the other one', async t => {
  t.equal(portOf('1', { FASTIFY_PORT: '2', PORT: '3' }), 1)
  t.equal(portOf(undefined, { FASTIFY_PORT: '2', PORT: '3' }), 2)
  t.equal(portOf(undefined, { FASTIFY_PORT: '', PORT: '3' }), 3)
  t.equal(portOf(undefined, { FASTIFY_PORT: '' }), undefined)
  t.equal(portOf(undefined, { FASTIFY_PORT: 'tcp://10.0.0.1:3000' }), undefined, 'the service says what to do about it')
  t.throws(() => portOf(undefined, { PORT: 'x' }), { message: 'PORT: found "x", must be a number up to 65535' })
})

t.test('the address: a flag, a variable, the file; in a container all, where nobody says otherwise', async t => {
  t.equal(addressOf('a', { FASTIFY_ADDRESS: 'b' }, 'c'), 'a')
  t.equal(addressOf(undefined, { FASTIFY_ADDRESS: 'b' }, 'c'), 'b')
  t.equal(addressOf(undefined, { FASTIFY_ADDRESS: '' }, 'c'), 'c')
  t.equal(addressOf(undefined, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, undefined), '0.0.0.0')
  t.equal(addressOf(undefined, {}, undefined), existsSync('/.dockerenv') ? '0.0.0.0' : undefined)
  t.equal(addressOf(undefined, {}, undefined, 'package.json'), '0.0.0.0')
  t.equal(addressOf(undefined, {}, undefined, 'no such file'), undefined)
})
