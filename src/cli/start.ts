import { onlyOne, readArgs, workersOf } from './usage.js'
import type { Command } from './usage.js'
import type { Supervisor } from './supervisor.js'

export const start: Command = {
  usage: '[routes.json]',
  summary: 'runs the gateway',
  options: `  -p, --port <number>       FASTIFY_PORT or PORT, server.port, or 3000
  -a, --address <address>   FASTIFY_ADDRESS, server.address, or localhost; in a container all addresses
  -l, --log-level <level>   FASTIFY_LOG_LEVEL, or info
      --workers <number>    processes that serve, 1 where none is given
      --watch               reload when routes.json or .env changes

A flag wins over a variable, and a variable over the file. Variables may stand in a file ".env".
SIGHUP reloads: new workers take over, the old ones end when what is under way has. SIGTERM and SIGINT let what is in
flight end. SIGUSR1 opens the file of the access log again.`,

  async run (args) {
    const { values, positionals } = readArgs({
      args,
      options: {
        port: { type: 'string', short: 'p' },
        address: { type: 'string', short: 'a' },
        'log-level': { type: 'string', short: 'l' },
        workers: { type: 'string' },
        watch: { type: 'boolean' }
      },
      allowPositionals: true
    })
    const flags = { file: onlyOne(positionals, 'file'), port: values.port, address: values.address, logLevel: values['log-level'] }
    const workers = workersOf(values.workers)

    let supervisor: Supervisor | undefined // eslint-disable-line prefer-const -- signals may come before there is one
    // Before all that takes time: the first process of a container gets no signal that it does not listen for.
    const stop = (signal: string): void => { supervisor === undefined ? process.exit(0) : supervisor.stop(signal) }
    process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGUSR2', () => {}).on('SIGHUP', signal => { supervisor?.reload(signal) }).on('SIGUSR1', () => { supervisor?.reopen() })

    const { readConfiguration } = await import('./configuration.js')
    const { Supervisor } = await import('./supervisor.js')
    const { createLog } = await import('../server/log.js')
    const configuration = readConfiguration(flags)
    const log = createLog(configuration.plan.level)
    process.on('uncaughtException', err => {
      log.fatal({ err }, 'uncaught error')
      process.exit(1)
    })
    supervisor = new Supervisor(configuration, { workers, watch: values.watch === true, read: () => readConfiguration(flags), log })
    await supervisor.start()
    return undefined
  }
}
