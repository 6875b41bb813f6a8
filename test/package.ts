import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { portOf } from './fixtures/peers.js'

// `npm run test:package`: the package as a user gets it, from an empty folder on. Fetches what such a user would.

const ROOT = dirname(fileURLToPath(import.meta.resolve('../../package.json')))
const TYPESCRIPTS = ['5.9', '6.0']
/** Resolution of modules, and the kind of module that goes with it. */
const RESOLUTIONS = { node16: 'node16', nodenext: 'nodenext', bundler: 'esnext' }

const CONSUMER = `
import fastify from 'fastify'
import streamGateway, { ConfigError, type GatewayConfig, type GatewayOptions } from 'fastify-stream-gateway'

const options: GatewayOptions = { routes: [{ prefix: '/api', target: 'http://localhost:3001', timeout: '30s' }], accessLog: false }
const config: GatewayConfig = { server: { trustProxy: ['10.0.0.0/8'] }, routes: options.routes }
const app = fastify()
await app.register(streamGateway, options)
await app.register(streamGateway, { ...options, prefix: '/v1' })
export const failed: boolean = new Error() instanceof ConfigError
export { config }
`

const work = mkdtempSync(join(tmpdir(), 'package-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
const tarball = join(work, packed())

await step('publint', () => run(ROOT, 'npx', 'publint', '--strict', tarball))
await step('arethetypeswrong', () => run(ROOT, 'npx', 'attw', tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'))
await step('source maps have their sources', sourceMaps)
await step('an empty folder: the plugin alone, in ESM and in CommonJS', plugin, '5')
await step('with the oldest Fastify', plugin, '5.0.0')
await step('an empty folder: the command, as the README begins', command)
await step('the status page', statusPage)
for (const version of TYPESCRIPTS) await step(`its types under TypeScript ${version}`, types, version)
await step('in an app that fastify-cli has made', generated)

async function step<Args extends unknown[]> (name: string, check: (...args: Args) => unknown, ...args: Args): Promise<void> {
  const start = performance.now()
  const say = (how: string): void => console.log(`${how.padEnd(8)}${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  try {
    await check(...args)
    say('ok')
  } catch (error) {
    say('failed')
    console.log(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

/** What a program writes; what it says when it fails is in the error. */
function run (cwd: string, program: string, ...args: string[]): string {
  try {
    return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    const written = error instanceof Error && 'stdout' in error && 'stderr' in error ? [error.stdout, error.stderr] : [error]
    throw new Error(`${program} ${args.join(' ')}\n${written.join('')}`)
  }
}

function packed (): string {
  const listed: { filename: string }[] = JSON.parse(run(ROOT, 'npm', 'pack', '--json', '--pack-destination', work))
  return listed[0]?.filename ?? ''
}

function sourceMaps (): void {
  const folder = join(work, 'unpacked')
  mkdirSync(folder)
  run(folder, 'tar', 'xzf', tarball)
  const map: { sourcesContent?: string[] } = JSON.parse(readFileSync(join(folder, 'package/dist/src/index.js.map'), 'utf8'))
  if (map.sourcesContent?.[0]?.includes('streamGateway') !== true) throw new Error('index.js.map has no source')
}

/** A folder with a package.json, and these packages in it. */
function folderWith (name: string, ...packages: string[]): string {
  const folder = join(work, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, private: true }))
  install(folder, ...packages)
  return folder
}

function install (folder: string, ...packages: string[]): void {
  run(folder, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', ...packages)
}

async function plugin (version: string): Promise<void> {
  const folder = folderWith(`plugin-${version}`, tarball, `fastify@${version}`)
  const installed: { dependencies: Record<string, unknown> } = JSON.parse(run(folder, 'npm', 'ls', '--all', '--json'))
  const listed = JSON.stringify(installed)
  for (const unwanted of ['fastify-cli', 'pino-pretty']) {
    if (listed.includes(`"${unwanted}":{"version"`)) throw new Error(`${unwanted} burdens who only registers the plugin`)
  }
  checkEngines(folder)
  const register = (port: number): string => `
    const app = fastify()
    app.register(streamGateway, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:${port}' }] })
    app.listen({ port: 0 })
      .then(() => fetch('http://localhost:' + app.server.address().port + '/api/x', { method: 'POST', body: 'body' }))
      .then(response => response.text())
      .then(text => { console.log(text); return app.close() })`
  const service = await echoService()
  writeFileSync(join(folder, 'app.mjs'), `import fastify from 'fastify'\nimport streamGateway from 'fastify-stream-gateway'\n${register(portOf(service))}`)
  writeFileSync(join(folder, 'app.cjs'), `const fastify = require('fastify')\nconst { default: streamGateway } = require('fastify-stream-gateway')\n${register(portOf(service))}`)
  for (const file of ['app.mjs', 'app.cjs']) {
    const app = spawn(process.execPath, [file], { cwd: folder })
    const [said] = await Promise.all([textOf(app.stdout), once(app, 'exit')])
    if (said.trim() !== 'body') throw new Error(`${file} with Fastify ${version}: ${said}${await textOf(app.stderr)}`)
  }
  service.close()
}

interface Installed { version: string, dependencies?: Record<string, string>, engines?: { node?: string } }

/** What we bring along must run on every Node that we say we run on. */
function checkEngines (folder: string): void {
  const own = oldest(manifest(folder, 'fastify-stream-gateway').engines?.node)
  const seen = new Set<string>()
  const left = ['fastify-stream-gateway']
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    const { engines, dependencies = {} } = manifest(folder, name)
    if (oldest(engines?.node) > own) throw new Error(`${name} wants Node ${String(engines?.node)}`)
    left.push(...Object.keys(dependencies))
  }
}

function manifest (folder: string, name: string): Installed {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'))
}

/** The least version that a range such as `>=20.19` has, as one number. */
function oldest (range = '0'): number {
  const [, major = '0', minor = '0'] = /(\d+)(?:\.(\d+))?/.exec(range) ?? []
  return Number(major) * 1000 + Number(minor)
}

async function textOf (stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

function types (version: string): void {
  const folder = folderWith(`types-${version}`, tarball, 'fastify@5', `typescript@~${version}`, '@types/node@20')
  writeFileSync(join(folder, 'consumer.mts'), CONSUMER)
  for (const [moduleResolution, module] of Object.entries(RESOLUTIONS)) {
    const compilerOptions = { module, moduleResolution, target: 'es2022', strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, types: ['node'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.mts'] }))
    run(folder, 'npx', 'tsc', '-p', '.')
  }
}

/** What stands first in the README, in the folder that the package was installed in. */
async function command (): Promise<void> {
  const folder = folderWith('command', tarball)
  const service = await echoService()
  run(folder, 'npx', 'fastify-stream-gateway', '--version')
  run(folder, 'npx', 'fastify-stream-gateway', 'init', '--prefix', '/api', '--target', `http://127.0.0.1:${portOf(service)}`)
  run(folder, 'npx', 'fastify-stream-gateway', 'check')
  const { $schema = '' }: { $schema?: string } = JSON.parse(readFileSync(join(folder, 'routes.json'), 'utf8'))
  JSON.parse(readFileSync(join(folder, $schema), 'utf8'))
  await expectEcho(service, folder, 'npx', 'fastify-stream-gateway', 'start', '-p', '0', '-a', '127.0.0.1')
}

/** What is served as it was packed. */
async function statusPage (): Promise<void> {
  const folder = folderWith('page', tarball, 'fastify@5', 'prom-client@15')
  writeFileSync(join(folder, 'app.mjs'), `
    import fastify from 'fastify'
    import streamGateway from 'fastify-stream-gateway'
    const app = fastify({ logger: { stream: { write (line) { const { admin } = JSON.parse(line); if (admin) url = admin } } } })
    let url
    await app.register(streamGateway, { admin: { port: 0 }, routes: [{ prefix: '/', respond: {} }] })
    await app.ready()
    for (const path of ['/', '/page.js', '/page.css', '/metrics']) console.log(path, (await fetch(url + path)).status)
    await app.close()`)
  const text = run(folder, 'node', 'app.mjs')
  if (text.match(/ 200$/gm)?.length !== 4) throw new Error(text)
}

/** Starts an app, and has it forward a body to the service, which ends with it. */
async function expectEcho (service: Server, folder: string, program: string, ...args: string[]): Promise<void> {
  const started = spawn(program, args, { cwd: folder, detached: true })
  try {
    const port = await listening(started.stdout)
    const response = await fetch(`http://127.0.0.1:${port}/api/x`, { method: 'POST', body: 'body' })
    const text = await response.text()
    if (text !== 'body') throw new Error(text)
  } finally {
    if (started.pid !== undefined) process.kill(-started.pid)
    service.close()
  }
}

/** A service that gives back what it gets. */
async function echoService (): Promise<Server> {
  const service = createServer((request, response) => { request.pipe(response) }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  return service
}

/** `fastify generate --lang=ts`, the gateway as one of its plugins. */
async function generated (): Promise<void> {
  const folder = folderWith('cli', 'fastify-cli@8')
  run(folder, 'npx', 'fastify', 'generate', 'app', '--lang=ts')
  const app = join(folder, 'app')
  // What it generates does not compile under the TypeScript that it would fetch.
  install(app, tarball, 'typescript@~5.9')
  const service = await echoService()
  writeFileSync(join(app, 'src/plugins/gateway.ts'), `
import fp from 'fastify-plugin'
import streamGateway from 'fastify-stream-gateway'

export default fp(async fastify => {
  await fastify.register(streamGateway, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:${portOf(service)}' }] })
})
`)
  await expectEcho(service, app, 'npm', 'exec', '-c', 'npm run build:ts && fastify start -p 0 -l info dist/app.js')
}

async function listening (stdout: NodeJS.ReadableStream): Promise<string> {
  const timer = new AbortController()
  const found = (async () => {
    let text = ''
    for await (const chunk of stdout) {
      text += String(chunk)
      const port = /listening at http:\/\/(?:127\.0\.0\.1|\[::1\]):(\d+)/.exec(text)?.[1]
      if (port !== undefined) return port
    }
    throw new Error(text)
  })()
  try {
    return await Promise.race([found, setTimeout(20_000, undefined, timer).then(() => { throw new Error('it does not listen') })])
  } finally {
    timer.abort()
  }
}
