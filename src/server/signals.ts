import type { FastifyInstance } from 'fastify'
import { endProcess, isDraining } from './drain.js'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const

/**
 * Takes the process's signals over from fastify-cli, which gives a service 500 ms to end, breaks off at a second
 * signal, and ends at those of a terminal that is closed (SIGHUP) or of a tool that looks for one to send (SIGUSR2).
 * It sets its own listeners after the app is loaded and before it listens.
 */
export function endOnSignals (fastify: FastifyInstance, drainDelay: number): void {
  const others = new Set(SIGNALS.flatMap(signal => process.listeners(signal)))
  const end = (): void => { endProcess(fastify, drainDelay) }

  fastify.addHook('onReady', async () => {
    for (const signal of SIGNALS) {
      for (const listener of process.listeners(signal)) if (!others.has(listener)) process.off(signal, listener)
    }
    process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', ignore).on('SIGUSR2', ignore)
  })
  // A process that goes on without the service has them back; one that ends is not to be killed in its last moment.
  fastify.addHook('onClose', async () => {
    if (isDraining(fastify.server)) return
    process.off('SIGTERM', end).off('SIGINT', end).off('SIGHUP', ignore).off('SIGUSR2', ignore)
  })
}

function ignore (): void {}
