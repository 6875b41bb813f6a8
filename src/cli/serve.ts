import Fastify from 'fastify'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { ProcessSource } from '../admin/process-source.js'
import { readConfig } from '../config/index.js'
import type { AdminSettings, Settings } from '../config/index.js'
import { Connections } from '../server/connections.js'
import { endProcess, giveWay, isDraining } from '../server/drain.js'
import { makeService } from '../service.js'
import type { Plan } from './configuration.js'
import { addressOf } from './usage.js'

/** A service that listens. */
export interface Serving {
  /** Another process has taken over: ends this one when all that is under way has ended. */
  giveWay (): void
  /** Ends the process, soon. */
  end (): void
  /** Of the admin listener that its supervisor is to have. */
  readonly admin: AdminSettings | undefined
  /** What is known for that. */
  readonly source: ProcessSource | undefined
}

/**
 * Runs the service. Ends the process where nobody can listen there, in one message.
 *
 * @param onLog called with the log as soon as there is one
 * @param onEnd waited for at the very end, with what is known by then
 * @throws ConfigError where the configuration is wrong, or a package is missing that it needs
 */
export async function serve (plan: Plan, onLog: (log: FastifyBaseLogger) => void, onEnd: (source: ProcessSource) => Promise<void>): Promise<Serving> {
  const settings = readConfig(plan.file, plan.text, process.env)
  let source: ProcessSource | undefined
  const { options, register } = makeService(settings, plan.level, known => { source = known })
  const fastify = Fastify(options)
  onLog(fastify.log)
  const connections = new Connections(fastify.server)
  await fastify.register(register)
  if (source !== undefined) fastify.addHook('onClose', onEnd.bind(undefined, source))
  await listen(fastify, plan, settings)
  return {
    giveWay: () => { giveWay(fastify, connections, settings.server.reloadTimeout) },
    end: () => { endProcess(fastify, 0) },
    admin: settings.admin,
    source
  }
}

async function listen (fastify: FastifyInstance, plan: Plan, { server }: Settings): Promise<void> {
  const host = addressOf(plan.address, process.env, server.address)
  const listening = fastify.listen({ port: plan.port ?? server.port, ...(host !== undefined && { host }) })
  const error = await listening.then(() => undefined, (error: NodeJS.ErrnoException) => error)
  // With a signal that came before, the process is about to end.
  if (error === undefined || isDraining(fastify.server)) return
  // Its stack would be too many words for a port that is taken.
  fastify.log.fatal({ code: error.code }, error.message)
  await fastify.close()
  process.exit(1)
}
