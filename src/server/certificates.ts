import { constants } from 'node:crypto'
import type { TlsOptions } from 'node:tls'
import { pathsOf, readPem } from '../config/index.js'
import type { ServerTlsSettings } from '../config/index.js'
import { watchFiles } from './watch-files.js'

/** What is used of a TLS server. */
interface Server {
  setSecureContext (options: TlsOptions): void
}

/** What is used of a pino logger. */
interface Logger {
  info (message: string): void
  error (line: object, message: string): void
}

/**
 * Reads what `server.tls` names.
 *
 * @throws when a file cannot be read
 */
export function readCertificates ({ cert, key, ca, minVersion }: ServerTlsSettings): TlsOptions {
  return {
    cert: readPem(cert),
    key: readPem(key),
    // A handshake costs a client little and the gateway much, and TLS 1.2 lets it ask for another one without end (CVE-2011-1473).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(ca !== undefined && { ca: readPem(ca), requestCert: true }),
    ...(minVersion !== undefined && { minVersion })
  }
}

/**
 * Takes changed certificates into use for the connections to come. What cannot be used is told, and the old ones stay.
 *
 * @returns ends the watch
 */
export function reloadOnChange (server: Server, tls: ServerTlsSettings, log: Logger): () => void {
  return watchFiles(Object.values(pathsOf(tls)), () => {
    try {
      server.setSecureContext(readCertificates(tls))
      log.info('the changed certificate is in use')
    } catch (err) {
      log.error({ err }, 'the changed certificate cannot be used, the old one stays')
    }
  })
}
