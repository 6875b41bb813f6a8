import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { readConfig } from '../../src/config/index.js'
import { closedPort } from '../fixtures/peers.js'
import { Started } from '../fixtures/started.js'

// Without an engine: what is written there is read, and its commands are run.

const FOLDER = 'deploy/docker'

const run = promisify(execFile)

interface Instruction {
  readonly name: string
  readonly rest: string
}

function read (name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8')
}

/** The stages of a Dockerfile, each with its instructions. */
function stages (text: string): Instruction[][] {
  const lines = text.replace(/^#.*\n/gm, '').replace(/\\\n\s*/g, '').split('\n').filter(line => line !== '')
  const all: Instruction[][] = []
  for (const line of lines) {
    const [name = '', rest = ''] = line.split(/ (.*)/s)
    if (name === 'FROM') all.push([])
    all.at(-1)?.push({ name, rest })
  }
  return all
}

const all = stages(read('Dockerfile'))
const last = all.at(-1) ?? []

function only (name: string): string {
  const found = last.filter(instruction => instruction.name === name)
  if (found.length !== 1) throw new Error(`the last stage has ${name} ${found.length} times`)
  return String(found[0]?.rest)
}

function words (text: string): string[] {
  const list: unknown = JSON.parse(text)
  if (!Array.isArray(list)) throw new Error(`no shell may stand before it: ${text}`)
  return list.map(String)
}

/** Of the health check, by another port than the file has. */
function healthCheck (port: number): string[] {
  return words(only('HEALTHCHECK').replace(/^.*? CMD /, '')).map(word => word.replaceAll('9900', String(port)))
}

t.test('the image is built of what is there, and runs as nobody in particular', async t => {
  t.equal(all.length, 2)
  for (const [from] of all) t.match(from?.rest, /^node:\d+-[a-z-]+/, 'of a version that is named')
  const copied = (all[0] ?? []).flatMap(({ name, rest }) => name === 'COPY' ? rest.split(' ').slice(0, -1) : [])
  t.ok(copied.length > 0)
  for (const file of copied) t.ok(existsSync(file), file)
  t.match(only('USER'), /^[1-9]\d*:[1-9]\d*$/, 'by number, which Kubernetes can see is not root')
  t.match(only('ENV'), 'FASTIFY_ADDRESS=0.0.0.0')
})

t.test('its command runs as PID 1 would, is found healthy, and ends', async t => {
  const admin = await closedPort()
  const [program, script, ...own] = words(only('ENTRYPOINT'))
  const [command, file, ...flags] = words(only('CMD'))
  t.strictSame([program, script, own, command], ['node', 'node_modules/fastify-stream-gateway/dist/src/cli/main.js', [], 'start'])
  t.equal(file, '/etc/gateway/routes.json', 'where compose.yaml has its folder')
  const config = JSON.parse(read('gateway/routes.json'))
  const gateway = new Started(t, { ...config, admin: { ...config.admin, port: admin }, rateLimit: undefined }, flags, { ADMIN_TOKEN: 'a-token-of-this-test', FASTIFY_ADDRESS: '127.0.0.1' })
  await gateway.listening()
  const [node = '', ...args] = healthCheck(admin)
  await run(node, args)
  t.equal(await gateway.stop(), 0)
  await t.rejects(run(node, args), { code: 1 }, 'nor healthy when it is gone')
})

t.test('compose.yaml', async t => {
  const { services, secrets } = parse(read('compose.yaml'))
  const { build, volumes, environment, read_only: isReadOnly, depends_on: needed } = services.gateway
  t.ok(existsSync(join(FOLDER, build.context, build.dockerfile)))
  t.equal(isReadOnly, true)
  for (const name of needed) t.ok(services[name], name)
  for (const volume of [...volumes, ...services.prometheus.volumes]) t.ok(existsSync(join(FOLDER, volume.split(':')[0])), volume)
  for (const secret of services.prometheus.secrets) t.ok(secrets[secret], secret)
  t.match(environment.ADMIN_TOKEN, /:\?/, 'nobody starts it with a token that everybody knows')
  t.doesNotThrow(() => readConfig('routes.json', read('gateway/routes.json'), { ADMIN_TOKEN: 'a-token-of-this-test' }))
  t.match(JSON.stringify(parse(read('prometheus.yml'))), '"targets":["gateway:9900"]')
  t.match(JSON.parse(read('gateway/routes.json')).admin.hosts, ['gateway'], 'by the name that Prometheus asks for')
})
