import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { warnOfFewDescriptors } from '../../src/server/descriptors.js'
import { SpawnedProcess } from '../fixtures/spawned.js'

const CLI = new URL('../../node_modules/fastify-cli/cli.js', import.meta.url).pathname
const APP = new URL('../../dist/src/app.js', import.meta.url).pathname

/** The service in a process that may open so many files. */
async function linesUnder (t: Test, limit: number, config: object): Promise<string> {
  const file = join(t.testdir(), 'routes.json')
  writeFileSync(file, JSON.stringify(config))
  const service = new SpawnedProcess(t, 'sh', ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, process.execPath, CLI, 'start', '--options', APP], {
    env: { ...process.env, ROUTES_FILE: file, PORT: '0', FASTIFY_ADDRESS: '127.0.0.1' }
  }, 'SIGKILL')
  await service.until(/listening at/)
  return service.output
}

const skip = process.platform === 'linux' ? false : 'the limit is not read here'
const routes = [{ prefix: '/a', target: 'http://127.0.0.1:1' }, { prefix: '/b', target: 'http://127.0.0.1:2', http2: true }]

t.test('fewer files than connections: one line names the number to set', { skip }, async t => {
  const output = await linesUnder(t, 256, { routes })
  // 20,000 of clients, 4,096 and 64 in the two pools, and some to spare.
  t.match(output, /"level":40,[^\n]*"limit":256,"needed":24260,"msg":"no more than 256 files may be open[^\n]*ulimit -n 24260/)
  t.equal(output.match(/ulimit/g)?.length, 1)
})

t.test('no connection of a client needs more than one to a service', { skip }, async t => {
  t.notMatch(await linesUnder(t, 256, { server: { maxConnections: 78 }, routes }), /ulimit/)
  t.match(await linesUnder(t, 256, { server: { maxConnections: 79 }, routes }), /"needed":258,/)
})

t.test('over HTTP/2 it may need as many as there are', { skip }, async t => {
  const [cert, key] = ['localhost.pem', 'localhost.key'].map(name => new URL(`../fixtures/tls/${name}`, import.meta.url).pathname)
  t.match(await linesUnder(t, 256, { server: { maxConnections: 10, http2: true, tls: { cert, key } }, routes }), /"needed":4270,/)
})

t.test('where there is no limit, or none that can be read, nothing is said', async t => {
  const directory = t.testdir({ unlimited: 'Max open files            unlimited            unlimited            files     \n' })
  const log = { warn: () => t.fail('warned') }
  for (const name of ['unlimited', 'missing']) warnOfFewDescriptors(log, 1e9, join(directory, name))
})
