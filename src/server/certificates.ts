import { constants } from 'node:crypto'
import { unwatchFile, watchFile } from 'node:fs'
import type { TlsOptions } from 'node:tls'
import { isPem, readPem } from '../config/index.js'
import type { ServerTlsSettings } from '../config/index.js'

/** Milliseconds between two looks at a file. */
const INTERVAL = 1_000
/** Milliseconds that a certificate and its key may be apart in being written. */
const SETTLE = 100

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

function isPath (source: string | undefined): source is string {
  return source !== undefined && !isPem(source)
}

/**
 * Takes changed certificates into use for the connections to come. What cannot be used is told, and the old ones
 * stay. The files are looked at by their names, whatever these lead to: a rename onto them is seen, and so is a change
 * of the links before them, as Kubernetes and certbot make it.
 *
 * @returns ends the watch
 */
export function reloadOnChange (server: Server, tls: ServerTlsSettings, log: Logger): () => void {
  const files = [tls.cert, tls.key, tls.ca].filter(isPath)
  let settling: NodeJS.Timeout | undefined
  for (const file of files) watchFile(file, { interval: INTERVAL, persistent: false }, onChange)

  function onChange (): void {
    clearTimeout(settling)
    settling = setTimeout(reload, SETTLE).unref()
  }

  function reload (): void {
    try {
      server.setSecureContext(readCertificates(tls))
      log.info('the changed certificate is in use')
    } catch (err) {
      log.error({ err }, 'the changed certificate cannot be used, the old one stays')
    }
  }

  return () => {
    clearTimeout(settling)
    for (const file of files) unwatchFile(file, onChange)
  }
}
