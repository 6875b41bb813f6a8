import { parseArgs } from 'node:util'
import { ConfigError } from './config-error.js'

const REMEDY = 'Kubernetes sets this variable for a service that is named "fastify": give the service another name, ' +
  'set `enableServiceLinks: false` for the pod, or set FASTIFY_PORT to a number for the container'

/**
 * Validates the port that fastify-cli would listen on. Kubernetes gives every container a variable for each service of
 * its namespace: of one named `fastify`, `FASTIFY_PORT=tcp://10.0.0.1:3000`.
 *
 * @param args of the command line, where a flag wins over the variable
 * @throws ConfigError
 */
export function validatePort (args: readonly string[], { FASTIFY_PORT: port = '' }: NodeJS.ProcessEnv): void {
  if (/^\d{0,5}$/.test(port)) return
  const { values } = parseArgs({ args: [...args], options: { port: { type: 'string', short: 'p' } }, strict: false, allowPositionals: true })
  if (values.port !== undefined) return
  const message = `found ${JSON.stringify(port)}, must be a number`
  throw new ConfigError('port', [{ path: 'FASTIFY_PORT', message: port.startsWith('tcp://') ? `${message}. ${REMEDY}` : message }])
}
