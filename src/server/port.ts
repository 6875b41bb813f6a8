const FLAG = /^(?:-p|--port(?:=|$))/

/**
 * Says what is wrong with the port that fastify-cli would listen on. Kubernetes gives every container a variable for
 * each service of its namespace: of one named `fastify`, `FASTIFY_PORT=tcp://10.0.0.1:3000`.
 *
 * @param args of the command, where a flag wins over a variable
 */
export function validatePort ({ FASTIFY_PORT: port }: NodeJS.ProcessEnv, args: readonly string[]): string | undefined {
  if (port === undefined || /^\d{0,5}$/.test(port) || args.some(arg => FLAG.test(arg))) return undefined
  return `FASTIFY_PORT: found ${JSON.stringify(port)}, must be a number. ` + (port.startsWith('tcp://')
    ? 'Kubernetes sets this variable for a service that is named "fastify": give the service another name, ' +
      'or set `enableServiceLinks: false` in the pod, or set FASTIFY_PORT to a number in the container.'
    : 'Set it to the port to listen on, such as 3000.')
}
