import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { asUsage, readArgs } from './usage.js'
import type { Command } from './usage.js'

const PREFIX = '/api'
const TARGET = 'http://localhost:3001'

export const init: Command = {
  usage: '[options]',
  summary: 'writes a routes.json to begin with, and a package.json where there is none',
  options: `  --prefix <path>   what the first route takes, such as ${PREFIX}
  --target <url>    the service behind it, such as ${TARGET}

Asks for what is not given where it runs in a terminal. Overwrites nothing.`,

  async run (args) {
    const { values } = readArgs({ args, options: { prefix: { type: 'string' }, target: { type: 'string' } } })
    if (existsSync('routes.json')) {
      console.error('routes.json is there already, and stays as it is')
      return 1
    }
    const asked = process.stdin.isTTY && process.stdout.isTTY ? await ask(values) : values
    const { prefix = PREFIX, target = TARGET } = asked
    writeFileSync('routes.json', await routesJson(prefix, target))
    console.log('wrote routes.json')
    writeManifest()
    console.log('\nNext:\n  npx fastify-stream-gateway start')
    return 0
  }
}

interface Wanted { prefix?: string | undefined, target?: string | undefined }

async function ask (given: Wanted): Promise<Wanted> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const prefix = given.prefix ?? await terminal.question(`Which path is to be forwarded? (${PREFIX}) `)
    const target = given.target ?? await terminal.question(`To which service? (${TARGET}) `)
    return { prefix: prefix || PREFIX, target: target || TARGET }
  } finally {
    terminal.close()
  }
}

/** @throws UsageError for what no routes.json may say */
async function routesJson (prefix: string, target: string): Promise<string> {
  const { ConfigError, checkConfig } = await import('../config/index.js')
  const config = { $schema: './node_modules/fastify-stream-gateway/routes.schema.json', routes: [{ prefix, target }] }
  asUsage(ConfigError, () => checkConfig(config, { source: 'init' }))
  return `${JSON.stringify(config, null, 2)}\n`
}

interface Manifest {
  name: string
  version: string
  devDependencies: Record<string, string>
}

function writeManifest (): void {
  if (existsSync('package.json')) {
    console.log('package.json is there already; add "start": "fastify-stream-gateway start" to its scripts')
    return
  }
  const own: Manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  const manifest = {
    private: true,
    scripts: { start: 'fastify-stream-gateway start', check: 'fastify-stream-gateway check' },
    dependencies: { [own.name]: `^${own.version}`, fastify: own.devDependencies.fastify, 'pino-pretty': own.devDependencies['pino-pretty'] }
  }
  writeFileSync('package.json', `${JSON.stringify(manifest, null, 2)}\n`)
  console.log('wrote package.json')
}
