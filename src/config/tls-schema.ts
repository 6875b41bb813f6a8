import { Type } from 'typebox'
import { closed, defaults, FormattedText, Switch } from './schema-parts.js'

/** Certificates: the path of a PEM file, or PEM itself. */
export function Certificates (description: string) {
  return FormattedText('certificates', {
    description: `${description} The path of a PEM file, or PEM itself.`,
    examples: ['tls/cert.pem'],
    errorMessage: 'must be the path of a PEM file with a certificate, or PEM itself'
  })
}

/** A private key: the path of a PEM file, or PEM itself. */
export function PrivateKey (description: string) {
  return FormattedText('private-key', {
    description: `${description} The path of a PEM file, or PEM itself.`,
    examples: ['tls/key.pem'],
    errorMessage: 'must be the path of a PEM file with a private key, or PEM itself'
  })
}

/** The oldest version of TLS that is spoken. */
export const MinVersion = Type.Enum(['TLSv1.2', 'TLSv1.3'], {
  description: 'The oldest version of TLS that is spoken.', default: 'TLSv1.2', errorMessage: 'must be "TLSv1.2" or "TLSv1.3"'
})

/** How a route's service is checked, and what it is shown. */
export const RouteTls = Type.Object({
  ca: Type.Optional(Certificates('Who may have signed the certificate of the service, in place of those that Node trusts.')),
  cert: Type.Optional(Certificates('What a service is shown that asks for a certificate.')),
  key: Type.Optional(PrivateKey('The key of cert.')),
  servername: Type.Optional(FormattedText('host', {
    description: 'The name that is asked for, and that the certificate must have. Without it: the host of the target.',
    examples: ['app.internal'],
    errorMessage: 'must be a host name'
  })),
  rejectUnauthorized: Type.Optional(Switch('Refuse a service whose certificate fails the check. false: anybody may pose as it.', defaults.rejectUnauthorized)),
  minVersion: Type.Optional(MinVersion)
}, {
  ...closed,
  description: 'How an https target is checked, and what it is shown.',
  errorMessage: 'must be an object such as { "ca": "tls/ca.pem" }'
})
