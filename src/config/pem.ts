import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** Whether a text is PEM itself, and not the path of a file. */
export function isPem (source: string): boolean {
  return source.includes('-----BEGIN ')
}

/**
 * PEM from a path, relative to the working directory, or as it is.
 *
 * @throws when the file cannot be read
 */
export function readPem (source: string): string {
  return isPem(source) ? source : readFileSync(source, 'utf8')
}

/** Certificates and a key: the paths of files, or PEM itself. */
export interface PemSources {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** Those that are paths. */
export function pathsOf ({ ca, cert, key }: PemSources): PemSources {
  return { ...(isPath(ca) && { ca }), ...(isPath(cert) && { cert }), ...(isPath(key) && { key }) }
}

/** @throws when a file cannot be read */
export function readPems ({ ca, cert, key }: PemSources): PemSources {
  return {
    ...(ca !== undefined && { ca: readPem(ca) }),
    ...(cert !== undefined && { cert: readPem(cert) }),
    ...(key !== undefined && { key: readPem(key) })
  }
}

function isPath (source: string | undefined): source is string {
  return source !== undefined && !isPem(source)
}

/** Says what is wrong with certificates, one or several in a row; nothing when each can be read. */
export function validateCertificates (source: string): string | undefined {
  return validate(source, 'PEM with a certificate', pem => {
    const certificates = pem.match(CERTIFICATE) ?? []
    for (const certificate of certificates) createCertificate(certificate)
    return certificates.length > 0
  })
}

/** Says what is wrong with a private key; nothing when it can be read. */
export function validateKey (source: string): string | undefined {
  return validate(source, 'PEM with a private key that needs no passphrase', pem => createPrivateKey(pem).type === 'private')
}

/** Whether a certificate and a key, both valid, are a pair. */
export function isPair (cert: string, key: string): boolean {
  return createCertificate(readPem(cert)).checkPrivateKey(createPrivateKey(readPem(key)))
}

function createCertificate (pem: string): X509Certificate {
  return new X509Certificate(pem)
}

function validate (source: string, kind: string, isGood: (pem: string) => boolean): string | undefined {
  let pem: string
  try {
    pem = readPem(source)
  } catch (error) {
    // Without the path: it is told already, or is a key that was taken for one.
    return `must be ${kind}, or a file that has it (${String(error).replace(/^Error: |, .*$/gs, '')})`
  }
  try {
    if (isGood(pem)) return undefined
  } catch {
    // What OpenSSL says of it is of no help.
  }
  return `must be ${kind}${isPem(source) ? '' : ': the file has none'}`
}
