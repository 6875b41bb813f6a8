import type { FastifyInstance } from 'fastify'
import { readPems } from '../config/index.js'
import type { UpstreamTlsSettings } from '../config/index.js'
import { createContext } from '../upstream/secure-context.js'
import { watchFiles } from './watch-files.js'

/**
 * Reads the certificates for services again when their files change. They are replaced in the settings themselves,
 * which whoever connects looks into: however many targets share them, also those that a program chooses while it runs.
 * What cannot be used is told, and the old ones stay.
 */
export function reloadUpstreamCertificates (fastify: FastifyInstance, settings: readonly UpstreamTlsSettings[]): void {
  const files = new Set(settings.flatMap(({ files }) => Object.values(files)))
  if (files.size === 0) return
  const stop = watchFiles([...files], () => {
    const failures = settings.flatMap(renew)
    const [failure] = failures
    if (failure === undefined) fastify.log.info('the changed certificates for services are in use')
    else fastify.log.error(failure, 'the changed certificates for services cannot be used, the old ones stay')
  })
  fastify.addHook('onClose', async () => stop())
}

function renew (tls: UpstreamTlsSettings): Array<{ err: unknown, files: object }> {
  try {
    const pems = readPems(tls.files)
    createContext({ ...tls, ...pems })
    Object.assign(tls, pems)
    return []
  } catch (err) {
    return [{ err, files: tls.files }]
  }
}
