import { existsSync } from 'node:fs'
import { addressOf, onlyOne, portOf, readArgs } from './usage.js'
import type { Command } from './usage.js'

export const start: Command = {
  usage: '[routes.json]',
  summary: 'runs the gateway',
  options: `  -p, --port <number>       FASTIFY_PORT or PORT, server.port, or 3000
  -a, --address <address>   FASTIFY_ADDRESS, server.address, or localhost; in a container all addresses
  -l, --log-level <level>   FASTIFY_LOG_LEVEL, or info

A flag wins over a variable, and a variable over the file. Variables may stand in a file ".env".
SIGTERM and SIGINT let what is in flight end.`,

  async run (args) {
    const { values, positionals } = readArgs({
      args,
      options: {
        port: { type: 'string', short: 'p' },
        address: { type: 'string', short: 'a' },
        'log-level': { type: 'string', short: 'l' }
      },
      allowPositionals: true
    })
    if (existsSync('.env')) process.loadEnvFile()
    const file = onlyOne(positionals, 'file')
    if (file !== undefined) process.env.ROUTES_FILE = file
    const port = portOf(values.port, process.env)
    // Reads the configuration, and ends the process where that is wrong.
    const { default: app, options, settings } = await import('../app.js')
    const { default: Fastify } = await import('fastify')
    const fastify = Fastify(options)
    await fastify.register(app)
    const host = addressOf(values.address, process.env, settings.server.address)
    try {
      await fastify.listen({ port: port ?? settings.server.port, ...(host !== undefined && { host }) })
    } catch (error) {
      // Too many words for a port that is taken.
      fastify.log.fatal({ code: error instanceof Error && 'code' in error ? error.code : undefined }, error instanceof Error ? error.message : String(error))
      await fastify.close()
      process.exit(1)
    }
    return undefined
  }
}
